"""How long a run will take, before any of it was done."""

import math
from collections.abc import Sequence

from neurotransfer.system.size import Size
from neurotransfer.transfer.tiles import target_work, work
from neurotransfer.vgg.layers import KERNEL_SHAPES, stride

# Measured (docs/experiments.md): the time of a convolution's arithmetic in float32 is multiplied by these. They are
# below 1 because TensorFlow multiplies faster than the product that is timed, and Winograd convolutions multiply less.
_OVER_THE_FLOOR = {"bfloat16": 0.34, "float32": 0.60}
_OVER_IN_TILES = {"bfloat16": 0.34, "float32": 0.71}
START_SECONDS = 3.0


def expected_seconds(
    scales: Sequence[tuple[Size, Sequence[Size], int, Sequence[int]]],
    layers: tuple[str, ...],
    precision: str,
    max_tile_pixels: int | None,
    flops: float,
) -> float:
    """Return the seconds that a run should take; right within a third or so.

    ``scales`` are (size, style sizes, steps, copies). The time is the arithmetic of the convolutions over ``flops``,
    the float32 operations a second of a matrix product. What `Schedule` measures in the first two steps is better.
    """
    pixels = sum(
        steps * work(size, copies, layers, max_tile_pixels) + target_work(size, styles, copies, layers, max_tile_pixels)
        for size, styles, steps, copies in scales
    )
    a_pixel = sum(4.0 * math.prod(KERNEL_SHAPES[name]) / stride(name) ** 2 for name in layers)
    over = _OVER_THE_FLOOR if max_tile_pixels is None else _OVER_IN_TILES
    return START_SECONDS + over[precision] * pixels * a_pixel / flops


def format_duration(seconds: float) -> str:
    """Return a time in words: ``45 s``, ``1 min 30 s``, ``2 h 5 min``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
