"""How wide a painting's strokes are, and how large it should be looked at for them to suit a picture."""

import logging
import math

import numpy as np
from scipy.ndimage import gaussian_filter, sobel

from neurotransfer.image_io.arrays import pixels
from neurotransfer.image_io.reading import Picture
from neurotransfer.system.array import Array
from neurotransfer.system.size import fit, size_of
from neurotransfer.transfer.color import LUMA
from neurotransfer.transfer.settings import Settings

logger = logging.getLogger(__name__)

_SIDE = 512
"""Long side at which a painting is looked at; a smaller one is not enlarged."""
_COARSEST = 8
"""The last octave is looked at with this long side: beyond, there are forms, not strokes."""
_LEAST_SIDE = 8
"""Pixels in height and width that an octave needs."""
_NARROW, _WIDE = 0.02, 0.03
"""Strokes of these widths, relative to the picture's long side, suit it."""
_LEAST, _MOST = 0.8, 2.0
"""The style scales to choose from."""
# Pictures of strokes so many pixels wide, in random colors, places and directions, have these means of their octaves.
# tests/transfer/test_strokes.py draws others.
_WIDTHS = (1.46, 2.93, 5.85, 11.7, 23.4)
_MEANS = (1.06, 1.34, 1.70, 2.08, 2.47)


def choose_style_scale(settings: Settings, painting: Picture) -> float:
    """Return the style scale: that of the settings, or where they leave it open, one that suits the strokes."""
    if not isinstance(settings.style_scale, str):
        return settings.style_scale
    small = pixels(painting, fit(painting.size, min(_SIDE, max(painting.size))))
    width = stroke_width(small)
    suited = min(max(width, _NARROW), _WIDE)
    scale = round(min(max(suited / width, _LEAST), _MOST), 2)
    logger.debug("The painting's strokes are about %.1f %% of it wide: style scale %.2f.", 100.0 * width, scale)
    return scale


def stroke_width(painting: Array) -> float:
    """Return about how wide the strokes of a painting (H, W, 3) in 0..255 are, in parts of its long side.

    Detail of every octave (Burt and Adelson 1983) counts by how much there is and by how far it runs in one direction,
    by the structure tensor, as strokes do and noise does not.
    """
    luma, side = painting @ LUMA, size_of(painting).long_side
    weights = []
    for _ in range(max(1, round(math.log2(side / _COARSEST)))):
        if min(luma.shape) < _LEAST_SIDE:
            break
        smooth = gaussian_filter(luma, 1.0)
        down, across = sobel(smooth, 0), sobel(smooth, 1)
        along, upright, mixed = (gaussian_filter(product, 2.0) for product in (across**2, down**2, across * down))
        energy = float((along + upright).sum())
        directed = float(np.hypot(along - upright, 2.0 * mixed).sum())
        weights.append(float((luma - smooth).std()) * directed / max(energy, 1e-9))
        luma = smooth[::2, ::2]
    total = sum(weights)
    if total < 1e-3:  # nothing is painted
        return math.sqrt(_NARROW * _WIDE)
    mean = sum(octave * weight for octave, weight in enumerate(weights)) / total
    return math.pow(2.0, float(np.interp(mean, _MEANS, np.log2(_WIDTHS)))) / side
