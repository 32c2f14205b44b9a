"""How much memory a run may take, how much it will take, and the largest tiles that stay within it.

The model counts what a run holds at its fullest moment, the backward pass of its largest octave. Its constants were
fitted to measured peaks (bench/sizes.py; docs/performance.md); bytes throughout, GB are 10^9.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from neurotransfer.errors import NeurotransferError
from neurotransfer.images import fit
from neurotransfer.layers import KERNEL_SHAPES
from neurotransfer.settings import Settings
from neurotransfer.sizes import SMALLEST, needed_layers
from neurotransfer.tiles import stride

SAFE_SHARE = 0.8
"""Of the memory that is free: the rest is for what else the machine does."""

WINDOWS = (1_500_000, 1_000_000, 700_000, 500_000, 350_000, 250_000, 160_000, 100_000)
"""Pixels of a tile's window, to choose from: smaller ones are mostly halo, larger ones gain nothing."""
HISTORIES = (20, 10, 5, 3)
"""Pairs of L-BFGS, likewise."""

# Fitted to measured peaks; bytes.
_PROCESS = 620e6  # TensorFlow, the weights, and the smallest graph
_ADDRESSES = 0.9e9  # taken by TensorFlow but not used; counts where the address space is limited
_PICTURES = 98.0  # a pixel of the result: picture, gradient, their predecessors, Adam's state, the photo
_PAIR = 24.0  # a pixel of the result: one pair of L-BFGS
_WINDOW = 130.0  # a pixel of a window, besides its activations
_MAX_POOLING = 100.0  # a pixel of a window
_HOLES = 1.15  # of what windows take: tiles leave holes in TensorFlow's memory that whole pictures do not


class MemoryPlan(NamedTuple):
    """How a run keeps within its memory."""

    most_pixels: int | None
    """Pixels of the largest window; None: the picture is evaluated as a whole."""
    history: int
    """Pairs that L-BFGS keeps."""
    peak: float
    """Estimated peak of the process, bytes."""


def plan_memory(size: tuple[int, int], settings: Settings, precision: str, max_memory: float) -> MemoryPlan:
    """Return how to paint ``size`` (width, height) in ``max_memory`` bytes for the whole process.

    The longest history of L-BFGS counts more than the largest tiles, a whole picture more than any tiles.

    Raises:
        NeurotransferError: it cannot be done; the message names the largest size that can.
    """
    plans = list(_plans(size, settings, precision))
    for plan in plans:
        if plan.peak <= max_memory:
            return plan
    largest = largest_side(size, settings, precision, max_memory)
    advice = f"the largest --size that fits is {largest}" if largest else "not even the smallest size fits"
    raise NeurotransferError(
        f"{size[0]}x{size[1]} pixels need {plans[-1].peak / 1e9:.1f} GB of memory, "
        f"but this process may take {max_memory / 1e9:.1f} GB; {advice}."
    )


def allowance() -> float:
    """Return the bytes that this process may safely hold in all: what it has, and a share of what is free.

    Free is what the system has available, what the control group allows, and what the process's own limits leave.
    """
    resident = float(psutil.Process().memory_info().rss)
    free = min(float(psutil.virtual_memory().available), *_group_room(), *_own_room())
    return resident + SAFE_SHARE * max(0.0, free)


def _plans(size: tuple[int, int], settings: Settings, precision: str) -> Iterator[MemoryPlan]:
    """Yield the plans for a size, best first."""
    width, height = size
    pixels = width * height
    item = 2 if precision == "bfloat16" else 4
    layers = needed_layers(settings)
    painting = pixels * max(0.0, settings.style_scale**2 - 1.0) * 15.0
    targets = sum(KERNEL_SHAPES[name][3] / stride(name) ** 2 for name, _ in settings.content_layers) * item
    window = _WINDOW + item * _activations(layers) + (_MAX_POOLING if settings.pooling == "max" else 0.0)
    fixed = _PROCESS + pixels * (_PICTURES + targets) + painting
    for history in HISTORIES if settings.optimizer == "lbfgs" else (0,):
        for most in (None, *WINDOWS):
            if most is None or most < pixels:
                seen = pixels if most is None else most * _HOLES
                yield MemoryPlan(most, history, fixed + pixels * history * _PAIR + seen * window)


def _activations(layers: tuple[str, ...]) -> float:
    """Return the activations that the backward pass keeps for every pixel: each layer's, and each pooling's."""
    kept = sum(KERNEL_SHAPES[name][3] / stride(name) ** 2 for name in layers)
    pooled = sum(KERNEL_SHAPES[name][2] / stride(name) ** 2 for name in layers[1:] if name.endswith("_1"))
    return kept + pooled


def largest_side(size: tuple[int, int], settings: Settings, precision: str, max_memory: float) -> int | None:
    """Return the largest long side below that of ``size`` that fits."""
    low, high = 0, max(size)
    while high - low > 1:
        middle = (low + high) // 2
        fits = any(plan.peak <= max_memory for plan in _plans(fit(size, middle), settings, precision))
        low, high = (middle, high) if fits else (low, middle)
    return low if low >= SMALLEST else None


def _group_room() -> Iterator[float]:
    """Yield what the control group, versions 2 and 1, leaves."""
    for folder, limit, usage in (
        ("/sys/fs/cgroup", "memory.max", "memory.current"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            allowed, used = (int(Path(folder, name).read_text()) for name in (limit, usage))
        except (OSError, ValueError):  # another version, no limit ("max"), or no control groups
            continue
        yield float(allowed - used)


def _own_room() -> Iterator[float]:
    """Yield what the process's own limits (ulimit -v, -d) leave."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = psutil.Process().memory_info()
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        yield float(soft - used.vms - _ADDRESSES)
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if soft != resource.RLIM_INFINITY:
        yield float(soft - used.rss)
