"""Tones: a photo and a painting of one tone each, gray or sepia, make a picture in the painting's tones.

The losses alone would tint it: colors that cancel out in the network's features cost nothing.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurotransfer.system.array import Array
from neurotransfer.system.size import size_of
from neurotransfer.transfer.color import LUMA
from neurotransfer.transfer.evaluation import Evaluate, Evaluation

_RANGES = 16
"""The curve of a picture's tones has a point for each sixteenth of the lumas."""
_PIXELS = 1_000_000
"""Of a larger picture, about so many pixels are looked at."""
_MEAN_OFF = 3.0
"""Mean distance from that curve, in units of 0..255, up to which a picture has one tone. Sepia with cut-off brights in
a coarse JPEG has 2.9, pale photos in color have 10 and more (docs/experiments.md)."""
_MOST_OFF = 22.0
"""Likewise, of all pixels but one in a thousand, where that JPEG has 21: the red seal on an ink drawing is a color."""


class Tones(NamedTuple):
    """A curve through the colors: a color for every luma."""

    lumas: NDArray[np.float64]
    """Lumas of the curve's points, rising from 0 to 255."""
    colors: NDArray[np.float64]
    """Their colors, (points, 3)."""

    def apply(self, picture: Array) -> Array:
        """Return the picture in these tones: each pixel keeps its luma, rounded: a second time changes nothing."""
        luma = np.round(picture @ LUMA * 1024.0) / 1024.0
        toned = [np.interp(luma, self.lumas, channel) for channel in self.colors.T]
        return np.stack(toned, axis=-1).astype(np.float32)

    def along(self, picture: Array, gradient: Array) -> Array:
        """Return the part of the gradient at ``picture`` that moves its pixels along the curve."""
        ways = np.diff(self.colors, axis=0)
        ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)
        place = np.clip(np.searchsorted(self.lumas, picture @ LUMA, side="right") - 1, 0, len(ways) - 1)
        way = ways.astype(np.float32)[place]
        part: Array = way * np.sum(way * gradient, axis=-1, keepdims=True)
        return part


def tones_of(picture: Array) -> Tones | None:
    """Return the tones of a picture (H, W, 3) in 0..255, with black and white as ends; None if it has colors."""
    step = math.ceil(math.sqrt(size_of(picture).pixels / _PIXELS))
    picture = picture[::step, ::step]
    colors = picture.reshape(-1, 3)
    ranges = np.clip(colors @ LUMA * (_RANGES / 256), 0, _RANGES - 1).astype(np.intp)
    _, ranges, counts = np.unique(ranges, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(ranges, channel) / counts for channel in colors.T], axis=-1)
    points = np.concatenate([np.zeros((1, 3)), means, np.full((1, 3), 255.0)])
    tones = Tones(points @ LUMA.astype(np.float64), points)
    off = np.abs(tones.apply(picture) - picture).max(axis=-1)
    return tones if off.mean() <= _MEAN_OFF and np.quantile(off, 0.999) <= _MOST_OFF else None


def in_tones(objective: Evaluate, content: Array, style: Array) -> Evaluate:
    """Return ``objective`` for pictures in the painting's tones, or as it is if photo or painting have colors.

    It evaluates a picture's nearest one of these tones, and its gradient leads along them: an optimizer that takes the
    evaluated picture as its own, as `Adam` and `LBFGS` do, stays among them.
    """
    tones = tones_of(style) if tones_of(content) is not None else None
    if tones is None:
        return objective

    def toned(image: Array, *, gradient: bool = True) -> Evaluation:
        found = objective(tones.apply(image), gradient=gradient)
        if found.gradient is None:
            return found
        return Evaluation(found.image, found.losses, tones.along(found.image, found.gradient))

    return toned
