"""Regions by brightness: where photo and painting are dark, middling and bright. NumPy only."""

import numpy as np
from scipy.ndimage import gaussian_filter

from neurotransfer.image_io.arrays import resize
from neurotransfer.system.array import Array
from neurotransfer.system.size import fit, size_of
from neurotransfer.transfer.color import LUMA, recolor

_SIDE = 512
"""Long side at which pictures are looked at, so that their regions are the same at any size."""
_SMOOTHING = 1 / 100
"""Of the long side: regions are places, not single strokes."""
_RAMP = 0.25
"""Half the width of the passage from one region to the next, relative to the range of the middle one."""
_LEAST_RAMP = 4.0
"""Likewise, in levels of 0..255."""


def brightness_masks(photo: Array, style: Array) -> tuple[Array, Array]:
    """Return how much each place of a photo and of a painting is dark, middling and bright, 0 to 1, of sum 1.

    Both pictures are (H, W, 3) in 0..255, the masks (h, w, 3) with long sides of up to 512. Of the painting, each
    region is about a third. The photo is measured by the same levels, in the painting's colors.
    """
    photo, style = _small(photo), _small(style)
    levels = _levels(style)
    low, high = np.quantile(levels, (1 / 3, 2 / 3))
    return _masks(_levels(recolor(photo, style)), low, high), _masks(levels, low, high)


def _small(picture: Array) -> Array:
    size = size_of(picture)
    return resize(picture, fit(size, min(size.long_side, _SIDE)))


def _levels(picture: Array) -> Array:
    smooth: Array = gaussian_filter(picture @ LUMA, _SMOOTHING * max(picture.shape))
    return smooth


def _masks(levels: Array, low: float, high: float) -> Array:
    ramp = max(_RAMP * (high - low), _LEAST_RAMP)
    dark, bright = (np.clip(0.5 + distance / (2.0 * ramp), 0.0, 1.0) for distance in (low - levels, levels - high))
    return np.stack([dark, np.maximum(1.0 - dark - bright, 0.0), bright], axis=-1).astype(np.float32)
