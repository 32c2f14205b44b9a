"""Tiles of a picture that is too large for the memory: the window that the network sees, and the part that a tile owns.

Every sum over positions (a Gram matrix, a squared distance) is the sum over owned parts, and the owned parts divide the
picture. Features of the owned part do not depend on pixels outside the window, so nothing is approximated. This needs
two things. Windows start at multiples of the deepest layer's stride, and inner edges lie on them, so that pooling falls
on the same pixels as in the whole picture. A halo as wide as the layers see lies around the owned part.
"""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import NamedTuple

from neurotransfer.system.size import Size
from neurotransfer.vgg.layers import stride, up_to_last

Owned = tuple[int, int, int, int]
"""Top, bottom, left and right of the owned part, in pixels of the window."""


class Tile(NamedTuple):
    """A window of the picture, and the part of it whose positions count."""

    window: tuple[slice, slice]
    """Rows and columns of the picture."""
    owned: Owned


def reach(layers: tuple[str, ...]) -> tuple[int, int]:
    """Return (halo, stride) for ``layers``: how far from a position its features see, rounded up to whole strides.

    Each 3x3 convolution sees one position of its own stride further. Up to conv5_1: 70 pixels, so (80, 16).
    """
    needed = up_to_last(layers)
    step = stride(needed[-1])
    pixels = sum(stride(name) for name in needed)
    return -(-pixels // step) * step, step


def plan_tiles(size: Size, layers: tuple[str, ...], max_pixels: int | None) -> tuple[Tile, ...]:
    """Return the tiles of a picture of ``size`` with windows of at most ``max_pixels`` pixels.

    All windows have one shape, so one graph serves them all. Of all divisions, the one with the fewest pixels is taken.
    None or enough pixels: one tile that owns everything. A window always leaves something to own inside its halo, so
    ``max_pixels`` may be exceeded then.
    """
    width, height = size
    if max_pixels is None or size.pixels <= max_pixels:
        return (Tile((slice(0, height), slice(0, width)), (0, height, 0, width)),)
    halo, step = reach(layers)
    plans = []
    for across, down in product(_divisions(width, halo, step), _divisions(height, halo, step)):
        pixels = across.window * down.window
        plans.append((max(pixels, max_pixels), pixels * across.number * down.number, down, across))
    *_, down, across = min(plans, key=lambda plan: plan[:2])
    return tuple(
        Tile((slice(top, top + down.window), slice(left, left + across.window)), (*owned_rows, *owned_columns))
        for (top, owned_rows), (left, owned_columns) in product(
            _split(height, down, halo, step), _split(width, across, halo, step)
        )
    )


def max_style_pixels(max_pixels: int | None) -> int:
    """Return the most pixels of a painting's windows where those of the picture have at most ``max_pixels``.

    A painting's features are needed only once, and those of a whole one would fill the memory.
    """
    return min(max_pixels or _MAX_STYLE_PIXELS, _MAX_STYLE_PIXELS)


def plan_style_tiles(size: Size, layers: tuple[str, ...], max_pixels: int | None) -> tuple[Tile, ...]:
    """Return the tiles of a painting, where ``max_pixels`` is that of the picture's."""
    return plan_tiles(size, layers, max_style_pixels(max_pixels))


def work(size: Size, copies: Sequence[int], layers: tuple[str, ...], max_pixels: int | None) -> float:
    """Return what an evaluation costs with its reduced ``copies``, in pixels of a whole picture's."""
    tiles = plan_tiles(size, layers, max_pixels)
    return _seen(tiles) * (1.0 if len(tiles) == 1 else _TWO_PASSES) + _of_copies(size, copies)


def target_work(
    size: Size, styles: Sequence[Size], copies: Sequence[int], layers: tuple[str, ...], max_pixels: int | None
) -> float:
    """Return what the targets of a scale cost, in the same unit: the photo's and the paintings' features."""
    paintings = sum(_seen(plan_style_tiles(style, layers, max_pixels)) for style in styles)
    reduced = sum(_of_copies(picture, copies) for picture in (size, *styles))
    return _FORWARD * (_seen(plan_tiles(size, layers, max_pixels)) + paintings + reduced)


def _of_copies(size: Size, copies: Sequence[int]) -> float:
    return sum(size.pixels / 4.0**halvings for halvings in copies)


def _seen(tiles: Sequence[Tile]) -> float:
    """Return the pixels of all windows."""
    rows, columns = tiles[0].window
    return float(len(tiles) * (rows.stop - rows.start) * (columns.stop - columns.start))


_MAX_STYLE_PIXELS = 500_000
_FORWARD = 1.0
"""Targets take no backward pass, but TensorFlow runs them operation by operation."""
_TWO_PASSES = 1.48
"""Measured: a forward pass, then one forward and backward, relative to the latter alone."""


class _Division(NamedTuple):
    number: int
    window: int


def _divisions(length: int, halo: int, step: int) -> list[_Division]:
    """Return for every useful number of windows along one side how long each is.

    The window has the side's remainder modulo ``step``: then the last one, which ends with the picture, starts on a
    multiple of it like the others.
    """
    remainder, whole = length % step, length // step
    found = [_Division(1, length)]
    for count in range(2, whole + 1):
        # count - 1 advances of at most (window - two halos), in steps, must cover what one window leaves.
        margin = 2 * halo // step
        window = -(-(whole + (count - 1) * margin) // count)
        if margin < window < found[-1].window // step:
            found.append(_Division(count, window * step + remainder))
    return found


def _split(length: int, division: _Division, halo: int, step: int) -> list[tuple[int, tuple[int, int]]]:
    """Return each window's begin along one side, and its owned part relative to that."""
    count, window = division
    if count == 1:
        return [(0, (0, length))]
    begins = [i * (length - window) // step // (count - 1) * step for i in range(count)]
    cuts = [0, *(begin + halo for begin in begins[1:]), length]
    return [(begin, (cut - begin, end - begin)) for begin, (cut, end) in zip(begins, pairwise(cuts), strict=True)]
