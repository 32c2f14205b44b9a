"""Reduced copies of a picture: how they are made, and how their gradient becomes the picture's. NumPy only."""

import numpy as np

from neurotransfer.system.array import Array
from neurotransfer.transfer.evaluation import Evaluate, Evaluation, Losses

_TAPS = (0.125, 0.375, 0.375, 0.125)
"""Along either side. Means of two pixels alone would leave the gradient in squares that can be seen."""
_BAND = 64
"""Rows of a copy that are made at once: temporary arrays stay small."""


class WithCopies:
    """The losses of a picture and of its reduced copies, added up; called like an `Objective`."""

    def __init__(self, picture: Evaluate | None, *smaller: Evaluate | None) -> None:
        """Add to the losses of the ``picture`` those of ``smaller`` copies, each half as large; None: not looked at."""
        self._picture = picture
        self._copies = WithCopies(*smaller) if smaller else None

    def __call__(self, image: Array, *, gradient: bool = True) -> Evaluation:
        """Evaluate ``image``; without ``gradient`` at a third of the cost."""
        found = self._picture(image, gradient=gradient) if self._picture else None
        if self._copies is None:
            assert found is not None, "the smallest copy is looked at"
            return found
        copies = self._copies(halved(image if found is None else found.image), gradient=gradient)
        total = None if copies.gradient is None else spread(copies.gradient, image.shape)
        if found is None:
            return Evaluation(image, copies.losses, total)
        if total is not None and found.gradient is not None:
            total += found.gradient
        return Evaluation(found.image, Losses({k: v + copies.losses[k] for k, v in found.losses.items()}), total)


def halved(picture: Array) -> Array:
    """Return a picture (H, W, 3) at half the size, (H // 2, W // 2, 3), float32; beyond the edge it repeats itself.

    A side of one pixel, as of a strip for a painting, stays.
    """
    height, width = (max(1, length // 2) for length in picture.shape[:2])
    copy = np.empty((height, width, 3), np.float32)
    columns = _sources(picture.shape[1])
    for begin in range(0, height, _BAND):
        end = min(begin + _BAND, height)
        rows = picture[_sources(picture.shape[0])[2 * begin : 2 * end + 2]]
        narrow = _summed(rows.swapaxes(0, 1)[columns])
        copy[begin:end] = _summed(narrow.swapaxes(0, 1))
    return copy


def spread(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Return the gradient by a picture of ``shape`` from that by its half (h, w, 3): the transposed `halved`."""
    found = np.zeros(shape, np.float32)
    rows = _sources(shape[0])
    for begin in range(0, len(gradient), _BAND):
        part = gradient[begin : begin + _BAND]
        wide = _transposed(part.swapaxes(0, 1), shape[1]).swapaxes(0, 1)
        places = rows[2 * begin : 2 * (begin + len(part)) + 2]
        tall = np.zeros((len(places), *found.shape[1:]), np.float32)
        for tap, weight in enumerate(_TAPS):
            tall[tap : tap + 2 * len(part) : 2] += np.float32(weight) * wide
        found[places[0]] += tall[0]
        found[places[-1]] += tall[-1]
        found[places[1] : places[-2] + 1] += tall[1:-1]
    return found


def _sources(length: int) -> list[int]:
    """Return the rows that the taps fall on: each, and one beyond either edge, or two beyond a single one."""
    return [0, *range(length), length - 1, length - 1][: max(length + 2, 4)]


def _summed(rows: Array) -> Array:
    """Return the weighted sums of four rows at every second one."""
    count = (len(rows) - 2) // 2
    found = np.zeros((count, *rows.shape[1:]), np.float32)
    for tap, weight in enumerate(_TAPS):
        found += np.float32(weight) * rows[tap : tap + 2 * count : 2]
    return found


def _transposed(sums: Array, length: int) -> Array:
    """Return what every row of `_summed` gets back from its sums."""
    found = np.zeros((length + 2, *sums.shape[1:]), np.float32)
    for tap, weight in enumerate(_TAPS):
        found[tap : tap + 2 * len(sums) : 2] += np.float32(weight) * sums
    found[1] += found[0]
    found[-2] += found[-1]
    return found[1:-1]
