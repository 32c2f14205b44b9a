"""How much memory a run will take, and the largest tiles that stay within a limit.

The model counts what a run holds at its fullest moment, the backward pass of its largest scale. Its constants were
fitted to measured peaks (bench/sizes.py; docs/performance.md); bytes throughout, GB are 10^9.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from neurotransfer.system.errors import NeurotransferError
from neurotransfer.system.size import Size, fit
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.sizes import MIN_SIDE, needed_layers, scale_sizes, style_size
from neurotransfer.transfer.tiles import max_style_pixels
from neurotransfer.vgg.layers import KERNEL_SHAPES, stride

WINDOWS = (1_500_000, 1_000_000, 700_000, 500_000, 350_000, 250_000, 160_000, 100_000)
"""Pixels of a tile's window, to choose from: smaller ones are mostly halo, larger ones gain nothing."""
HISTORIES = ((20, False), (20, True), (10, True), (5, True), (3, True))
"""Pairs of L-BFGS, and whether in half precision, likewise."""

# Fitted to measured peaks; bytes.
_PROCESS = 715e6  # TensorFlow and the graph
_PICTURES = 97.0  # a pixel of the result: picture, gradient, those of its copies, the picture before, Adam's state
_SOURCE = 4.0  # a pixel of the photo's and of the painting's file, which stay decoded
_PAINTING = 15.0  # a pixel of the painting at its size for the result, beyond as many as the result has
_PAIR = 24.0  # a pixel of the result: one pair of L-BFGS, in float32
_WINDOW = 130.0  # a pixel of a window, besides its activations
_MAX_POOLING = 100.0  # a pixel of a window
_REGIONS = {"bfloat16": 250.0, "float32": 500.0}  # a pixel of a window: conv1_1's gradient by a region
_WINOGRAD = {"bfloat16": 40.0, "float32": 100.0}  # a pixel of a whole picture
_TARGETS = {"bfloat16": 640.0, "float32": 1200.0}  # a pixel of a window of the painting, which is only seen forward
_HOLES = 1.3  # of what windows take: tiles leave holes in TensorFlow's memory, of up to 40 % by chance
_HOLES_OF_SCALES = 2.0  # likewise, where each scale has windows of its own shape
_HOLES_OF_WHOLE = 1.25  # likewise, of a picture that is evaluated as a whole: most in panoramas


class MemoryPlan(NamedTuple):
    """How a run keeps within its memory."""

    max_tile_pixels: int | None
    """Pixels of a tile's window; None: the picture is evaluated as a whole."""
    history: int
    """Pairs that L-BFGS keeps."""
    half: bool
    """Whether it keeps them in half precision."""
    peak: float
    """Estimated peak of the process, bytes."""


def plan_memory(
    size: Size, settings: Settings, precision: str, max_memory: float, sources: Sequence[Size] = ()
) -> MemoryPlan:
    """Return how to paint ``size`` in ``max_memory`` bytes for the whole process.

    The longest history of L-BFGS counts more than the largest tiles, a whole picture more than any tiles. ``sources``
    are the sizes of the photo and the styles as their files have them; none: two as large as the result.

    Raises:
        NeurotransferError: it cannot be done; the message names the largest size that can.
    """
    plans = list(memory_plans(size, settings, precision, sources))
    for plan in plans:
        if plan.peak <= max_memory:
            return plan
    largest = largest_side(size, settings, precision, max_memory, sources)
    advice = f"the largest --size that fits is {largest}" if largest else "not even the smallest size fits"
    raise NeurotransferError(
        f"{size} pixels need {plans[-1].peak / 1e9:.1f} GB of memory, "
        f"but this process may take {max_memory / 1e9:.1f} GB; {advice}."
    )


def memory_plans(size: Size, settings: Settings, precision: str, sources: Sequence[Size] = ()) -> Iterator[MemoryPlan]:
    """Yield the plans for a size, best first."""
    pixels = size.pixels
    item = 2 if precision == "bfloat16" else 4
    layers = needed_layers(settings)
    content, *styles = sources or (size, size)
    held = _SOURCE * (content.pixels + sum(style.pixels for style in styles))
    painting = max([0, *(style_size(style, size, settings).pixels for style in styles)])
    held += _PAINTING * max(0, painting - pixels)
    targets = sum(KERNEL_SHAPES[name][3] / stride(name) ** 2 for name, _ in settings.content_layers) * item
    window = _WINDOW + item * _activations(layers) + (_MAX_POOLING if settings.pooling == "max" else 0.0)
    window += _REGIONS[precision] if settings.by_brightness else 0.0
    weights = item * sum(math.prod(KERNEL_SHAPES[name]) for name in layers)
    fixed = _PROCESS + weights + pixels * (_PICTURES + targets) + held
    holes = _HOLES if len(scale_sizes(size, settings)) == 1 else _HOLES_OF_SCALES
    for history, half in HISTORIES if settings.optimizer == "lbfgs" else ((0, False),):
        pairs = pixels * history * (_PAIR / 2 if half else _PAIR)
        for most in (None, *WINDOWS):
            if most is None or most < max(pixels, painting):
                seen = pixels * _HOLES_OF_WHOLE if most is None else min(pixels, most) * holes
                moved = pixels * _WINOGRAD[precision] if most is None else 0.0
                of_painting = _TARGETS[precision] * min(painting, max_style_pixels(most))
                yield MemoryPlan(most, history, half, fixed + pairs + max(seen * window + moved, of_painting))


def _activations(layers: tuple[str, ...]) -> float:
    """Return the activations that the backward pass keeps for every pixel: each layer's, and each pooling's."""
    kept = sum(KERNEL_SHAPES[name][3] / stride(name) ** 2 for name in layers)
    pooled = sum(KERNEL_SHAPES[name][2] / stride(name) ** 2 for name in layers[1:] if name.endswith("_1"))
    return kept + pooled


def largest_side(
    size: Size, settings: Settings, precision: str, max_memory: float, sources: Sequence[Size] = ()
) -> int | None:
    """Return the largest long side below that of ``size`` that fits."""
    low, high = 0, max(size)
    while high - low > 1:
        middle = (low + high) // 2
        fits = any(plan.peak <= max_memory for plan in memory_plans(fit(size, middle), settings, precision, sources))
        low, high = (middle, high) if fits else (low, middle)
    return low if low >= MIN_SIDE else None
