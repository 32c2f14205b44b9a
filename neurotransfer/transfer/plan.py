"""The plan of a run: everything that follows from sizes, settings and the machine, decided once by a pure function.

The check before a run, the run itself, `evaluate`, the forecast and `resume` read the same plan; none makes its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Self

from neurotransfer.system.cpu import choose_precision, product_rate
from neurotransfer.system.facts import FactError, read_fields
from neurotransfer.system.memory import allowance
from neurotransfer.system.size import Size
from neurotransfer.transfer.forecast import expected_seconds
from neurotransfer.transfer.memory import MemoryPlan, plan_memory
from neurotransfer.transfer.settings import AUTO, RANGES, Settings
from neurotransfer.transfer.sizes import copies_of, needed_layers, result_size, scale_sizes, share_steps, style_size
from neurotransfer.transfer.tiles import Tile, plan_tiles, target_work, work

_A_CALL = 20_000
"""Pixels whose evaluation takes as long as what every call of a graph takes besides: 20 ms in bfloat16."""


class Machine(NamedTuple):
    """What a plan must know of the machine."""

    bfloat16: bool
    """Whether the processor multiplies bfloat16 faster than float32."""
    max_memory: float
    """Bytes that this process may hold."""
    flops: float
    """Operations a second of a float32 matrix product on all cores."""

    @classmethod
    def here(cls, max_memory: float | None = None) -> Self:
        """Return this machine as it is now; ``max_memory`` None: a safe share of what is free. Takes some 0.02 s."""
        return cls(choose_precision("auto") == "bfloat16", max_memory or allowance(), product_rate())


class Scale(NamedTuple):
    """One of the sizes at which a picture is painted, smallest first."""

    size: Size
    style_sizes: tuple[Size, ...]
    """The size at which each style is looked at."""
    steps: int
    copies: tuple[int, ...] = ()
    """How often each reduced copy is halved in which the picture is compared with the styles, too."""


@dataclass(frozen=True)
class Plan:
    """How a run will be done, and what it will take."""

    scales: tuple[Scale, ...]
    style_scale: float
    """Long side of the styles relative to that of the picture: the settings', or what was chosen."""
    layers: tuple[str, ...]
    """Every layer of the network that is computed, in network order."""
    precision: Literal["float32", "bfloat16"]
    """Of the convolutions: ``float32`` or ``bfloat16``."""
    winograd: bool
    """Whether large convolutions are Winograd convolutions."""
    memory: MemoryPlan
    max_memory: float
    """Bytes that the process may hold."""
    seconds: float
    """How long the run should take on the machine that it was planned for."""

    @property
    def size(self) -> Size:
        """The size of the result."""
        return self.scales[-1].size

    @property
    def steps(self) -> int:
        """The number of steps of all scales."""
        return sum(scale.steps for scale in self.scales)

    def tiles(self, size: Size) -> tuple[Tile, ...]:
        """Return the tiles in which a picture of that size is evaluated; one if it is evaluated as a whole."""
        return plan_tiles(size, self.layers, self.memory.max_tile_pixels)

    def work(self, scale: Scale) -> float:
        """Return what an evaluation at that scale costs, in pixels of a large picture that is evaluated as a whole."""
        calls = len(self.tiles(scale.size)) + len(scale.copies)
        return work(scale.size, scale.copies, self.layers, self.memory.max_tile_pixels) + _A_CALL * calls

    def target_work(self, scale: Scale) -> float:
        """Return what the targets of that scale cost, likewise."""
        return target_work(scale.size, scale.style_sizes, scale.copies, self.layers, self.memory.max_tile_pixels)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return {
            "size": self.size,
            "steps": self.steps,
            "scales": [scale._asdict() for scale in self.scales],
            "style_scale": self.style_scale,
            "layers": self.layers,
            "precision": self.precision,
            "winograd": self.winograd,
            "memory": self.memory._asdict(),
            "max_memory": self.max_memory,
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the plan of `to_json`; raises `FactError` for anything else."""
        derived = ("size", "steps")
        return read_fields(cls, {name: value for name, value in values.items() if name not in derived}, "plan")

    def require_fit(self, settings: Settings, content: Size, styles: Sequence[Size]) -> None:
        """Raise `FactError` unless this may be the plan for these settings and pictures of these sizes."""
        low, high = RANGES["style_scale"]
        if not low <= self.style_scale <= high:
            raise FactError("the plan's style scale is out of its range")
        chosen = _with_style_scale(settings, self.style_scale)
        scales = _scales(result_size(content, settings), styles, chosen)
        if (self.scales, self.layers) != (scales, needed_layers(settings)):
            raise FactError("the plan is not that of its settings and pictures")


def _scales(size: Size, styles: Sequence[Size], settings: Settings) -> tuple[Scale, ...]:
    sizes = scale_sizes(size, settings)
    return tuple(
        Scale(
            scale,
            tuple(style_size(style, scale, settings) for style in styles),
            steps,
            copies_of(scale, settings),
        )
        for scale, steps in zip(sizes, share_steps(settings.step_count, len(sizes)), strict=True)
    )


def _with_style_scale(settings: Settings, style_scale: float) -> Settings:
    return replace(settings, style_scale=style_scale) if settings.style_scale == AUTO else settings


def make_plan(
    content: Size,
    styles: Sequence[Size],
    settings: Settings,
    machine: Machine,
    size: Size | None = None,
    *,
    style_scale: float = 1.0,
) -> Plan:
    """Return the plan for a photo and styles of these sizes on ``machine``.

    ``size`` is that of the result; None: what the settings make of the photo's. ``style_scale`` is for settings that
    leave it open.

    Raises:
        InputError: the photo is too small.
        NeurotransferError: the picture does not fit into the memory; the message names the largest size that does.
    """
    size = size or result_size(content, settings)
    settings = _with_style_scale(settings, style_scale)
    assert not isinstance(settings.style_scale, str)
    layers = needed_layers(settings)
    precision = settings.precision
    if precision == "auto":
        precision = "bfloat16" if machine.bfloat16 else "float32"
    memory = plan_memory(size, settings, precision, machine.max_memory, (content, *styles))
    scales = _scales(size, styles, settings)
    seconds = expected_seconds(scales, layers, precision, memory.max_tile_pixels, machine.flops)
    # In float32, tiles give the gradient of the whole picture to 1e-5. A Winograd convolution rounds by the place in a
    # row, so that a unit that is 0 but for rounding could be on in one tile and off in its neighbor.
    winograd = precision != "float32" or memory.max_tile_pixels is None
    return Plan(scales, settings.style_scale, layers, precision, winograd, memory, machine.max_memory, seconds)
