"""Where a photo's content matters: in faces, at edges and in front of the background, not in skies and walls."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, sobel

from neurotransfer.image_io.arrays import resize
from neurotransfer.system.array import Array
from neurotransfer.system.size import Size, fit, size_of
from neurotransfer.transfer.color import LUMA

_SIDE = 512
"""Long side at which a photo is looked at, so that its map is the same at any size."""
_EDGES, _CONTRAST, _MIDDLE = 0.5, 0.3, 0.2
"""Shares of the map."""


_PROTECTED = 4.0
"""How many times as much protected places count (docs/experiments.md)."""


def content_map(photo: Array, focus: float, protected: Array | None = None) -> Array:
    """Return how much each place of a photo (H, W, 3) counts, (H, W), of mean 1 but for what is protected.

    Flat places count 1 - ``focus``. The rest goes to edges, to what differs in brightness from its wide surroundings,
    and a little to the middle of the picture. What ``protected`` (h, w), 0 to 1, covers counts several times as much,
    and all else as it did.
    """
    size = size_of(photo)
    luma = resize(photo, fit(size, min(size.long_side, _SIDE))) @ LUMA
    side = max(luma.shape)
    smooth = gaussian_filter(luma, side / 128)
    edges = np.hypot(sobel(smooth, 0), sobel(smooth, 1))
    contrast = np.abs(gaussian_filter(luma, side / 64) - gaussian_filter(luma, side / 8))
    rows, columns = (np.linspace(-1.5, 1.5, length) ** 2 for length in luma.shape)
    middle = np.exp(-(rows[:, np.newaxis] + columns) / 2.0)
    parts = _EDGES * _ranked(edges) + _CONTRAST * _ranked(contrast) + _MIDDLE * middle
    interest = gaussian_filter(parts, side / 50)
    weights = (1.0 - focus + focus * interest / interest.mean()).astype(np.float32)
    large = _resized(weights, size)
    large /= large.mean()
    if protected is not None:
        large *= 1.0 + (_PROTECTED - 1.0) * np.clip(_resized(protected, size), 0.0, 1.0)
    return large


def _resized(values: Array, size: Size) -> Array:
    return resize(values[:, :, np.newaxis], size)[:, :, 0]


def _ranked(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return values over their 95th percentile, 1 beyond it."""
    shares: NDArray[np.floating] = np.minimum(values / max(float(np.percentile(values, 95)), 1.0), 1.0)
    return shares
