"""Faces in a photo, as boxes: BlazeFace, full range (Bazarevsky et al. 2019). A help, not recognition."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurotransfer.detect.network import Network, sigmoid
from neurotransfer.system.array import Array

_CELLS = 48
"""The network looks for a face around each of 48x48 cells."""
_SURE = 0.55
"""Score from which a find is a face. On six samples the best thing that is none has 0.40 (docs/experiments.md)."""
_PART = 0.62
"""Side of the windows in which smaller faces are looked for, relative to the photo's long side; less in panoramas."""
_SMALLEST_PART = 0.2
_OVERLAP = 0.3
"""Share of two boxes beyond which they are one face."""


class Face(NamedTuple):
    """The box of a face, from brows to chin: in parts of the photo's width and height."""

    left: float
    top: float
    width: float
    height: float
    score: float
    """How sure the network is, 0 to 1."""


def find_faces(photo: NDArray[np.uint8]) -> tuple[Face, ...]:
    """Return the faces of an upright photo (H, W, 3) in 0..255, the surest first.

    Faces are found from 5 % of the photo's long side, seen from the front or half from the side.
    """
    network = Network("face")
    height, width = photo.shape[:2]
    found: list[Face] = []
    for top, left, side in _windows(height, width):
        window = photo[top : top + side, left : left + side]
        for x, y, wide, high, score in _boxes(network, window):
            box = ((left + x * side) / width, (top + y * side) / height, wide * side / width, high * side / height)
            found.append(Face(*(round(number, 3) for number in (*box, score))))
    kept: list[Face] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(_shared(face, other) < _OVERLAP for other in kept):
            kept.append(face)
    return tuple(kept)


def _windows(height: int, width: int) -> Iterator[tuple[int, int, int]]:
    """Yield (top, left, side) of the squares to look at: all of the photo, then parts that overlap."""
    long_side, short_side = max(height, width), min(height, width)
    yield 0, 0, long_side
    part = round(min(max(short_side, _SMALLEST_PART * long_side), _PART * long_side))
    for top in _begins(height, part):
        for left in _begins(width, part):
            yield top, left, part


def _begins(length: int, part: int) -> list[int]:
    rest = max(0, length - part)
    number = -(-rest * 3 // (2 * part)) + 1  # they overlap by a third or more
    return [round(rest * index / max(number - 1, 1)) for index in range(number)]


def _boxes(network: Network, window: NDArray[np.uint8]) -> Iterator[tuple[float, float, float, float, float]]:
    """Yield left, top, width, height and score of what may be faces, in parts of the window's longer side."""
    height, width = window.shape[:2]
    scale, side = network.input_side / max(height, width), network.input_side
    small = Image.fromarray(window).resize(
        (max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BICUBIC
    )
    square = np.zeros((1, side, side, 3), np.float32)  # black beyond the window
    square[0, : small.height, : small.width] = np.asarray(small)
    boxes, scores = network(square / np.float32(127.5) - 1.0)
    sure: Array = sigmoid(scores[0, :, 0])
    for number in np.flatnonzero(sure >= _SURE):
        row, column = divmod(int(number), _CELLS)
        x, y, wide, high = (float(value) / side for value in boxes[0, number, :4])
        middle = (column + 0.5) / _CELLS + x, (row + 0.5) / _CELLS + y
        yield middle[0] - wide / 2, middle[1] - high / 2, wide, high, float(sure[number])


def _shared(one: Face, other: Face) -> float:
    """Return the area that two boxes share over that of the smaller one: a face inside of another is the same."""
    wide = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    high = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    smaller = min(one.width * one.height, other.width * other.height)
    return max(wide, 0.0) * max(high, 0.0) / smaller if smaller > 0 else 0.0
