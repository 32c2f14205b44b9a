"""Converts colors to sRGB that a file describes by numbers instead of a profile: primaries, a white and a curve.

The numbers of `PRIMARIES` and `CURVES` are those of ITU-T H.273, which PNG's cICP and the nclx of AVIF and HEIC use.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurotransfer.system.array import Array

Point = tuple[float, float]


class Primaries(NamedTuple):
    """The colors of a space's white and of its three channels alone, as x and y of CIE 1931."""

    white: Point
    red: Point
    green: Point
    blue: Point


Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""A function from samples in 0..1 to light; 1 is white."""

_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
SRGB = Primaries(_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE_RGB = Primaries(_D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_SMPTE = Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))

PRIMARIES = {
    1: SRGB,
    2: SRGB,  # not specified
    4: Primaries(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Primaries(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: _SMPTE,
    7: _SMPTE,
    8: Primaries(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: Primaries(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    10: Primaries((1 / 3, 1 / 3), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
    11: Primaries((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Primaries(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
    22: Primaries(_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
"""Number of ColourPrimaries -> the primaries."""

_HDR_WHITE = 203.0
"""cd/m² of what is white in a picture of high dynamic range: ITU-R BT.2408."""
_HLG_PEAK = 1000.0
"""cd/m² of the screen that HLG is shown on."""
_KNEE = 0.8
"""Light beyond which high dynamic range is compressed; below, colors are exact."""

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_STRIP = 256
"""Rows that are converted at once, in float64."""


def srgb_curve(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of samples by IEC 61966-2-1."""
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def power_curve(exponent: float) -> Curve:
    """Return the curve that raises samples to a power."""
    return lambda samples: samples**exponent


def pq_curve(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of samples by SMPTE ST 2084 (PQ), of which 1 is `_HDR_WHITE`."""
    root = samples ** (32 / 2523)
    light = np.maximum(root - 3424 / 4096, 0.0) / (2413 / 128 - 2392 / 128 * root)
    return 10_000.0 / _HDR_WHITE * light ** (16384 / 2610)


def hlg_curve(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of a scene, in 0..1, by ITU-R BT.2100 (HLG, inverse OETF): a screen shows other light."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(samples <= 0.5, samples**2 / 3, (np.exp((samples - c) / a) + b) / 12)


CURVES: dict[int, Curve] = {
    # Cameras write the numbers of video (BT.709 and its like) into photos that are meant for sRGB.
    **dict.fromkeys((1, 2, 6, 7, 13, 14, 15), srgb_curve),
    4: power_curve(2.2),
    5: power_curve(2.8),
    8: power_curve(1.0),
    16: pq_curve,
    17: lambda samples: 52.37 / 48.0 * samples**2.6,
    18: hlg_curve,
}
"""Number of TransferCharacteristics -> its inverse."""


class ToSrgbByNumbers:
    """The conversion to sRGB from primaries and a curve, for gray and RGB.

    Colors outside sRGB are clipped. High dynamic range is compressed above `_KNEE` of white.

    Raises:
        ValueError: the primaries are no colors, or lie in one line.
    """

    def __init__(self, primaries: Primaries, curve: Curve, *, narrow: bool = False) -> None:
        self._curve, self._narrow = curve, narrow
        to_xyz = _to_xyz(primaries)
        self._luminance = to_xyz[1]
        adapted = np.linalg.inv(_BRADFORD) @ np.diag(_cones(SRGB.white) / _cones(primaries.white)) @ _BRADFORD
        self._matrix = np.linalg.inv(_to_xyz(SRGB)) @ adapted @ to_xyz

    @property
    def is_srgb(self) -> bool:
        """Whether the conversion leaves all colors as they are."""
        return self._curve is srgb_curve and not self._narrow and np.allclose(self._matrix, np.eye(3), atol=1e-3)

    @property
    def is_hdr(self) -> bool:
        """Whether colors may be much lighter than white."""
        return self._curve in (pq_curve, hlg_curve)

    def __call__(self, picture: Image.Image) -> Array:
        """Return an 8-bit picture of mode L or RGB as float32 (height, width, 3) in 0..255, in sRGB."""
        samples = np.asarray(picture)
        return self.convert_float(samples if samples.ndim == 3 else samples[..., np.newaxis])

    def convert_float(self, image: NDArray[np.float32] | NDArray[np.uint8]) -> Array:
        """Convert (height, width, 1 or 3) in 0..255 to float32 (height, width, 3) in 0..255, in sRGB."""
        converted = np.empty((*image.shape[:2], 3), np.float32)
        for top in range(0, len(image), _STRIP):
            converted[top : top + _STRIP] = self._convert(image[top : top + _STRIP].astype(np.float64))
        return converted

    def _convert(self, image: NDArray[np.float64]) -> NDArray[np.float64]:
        samples = np.clip((image - 16) / 219 if self._narrow else image / 255, 0.0, 1.0)
        light = self._curve(np.broadcast_to(samples, (*image.shape[:2], 3)))
        if self._curve is hlg_curve:  # BT.2100's OOTF for a screen of 1000 cd/m²
            light = _HLG_PEAK / _HDR_WHITE * light * (light @ self._luminance)[..., np.newaxis] ** 0.2
        light = np.maximum(light @ self._matrix.T, 0.0)
        if self.is_hdr:
            above = np.maximum(light - _KNEE, 0.0) / (1 - _KNEE)
            light = np.minimum(light, _KNEE) + (1 - _KNEE) * above / (1 + above)
        light = np.minimum(light, 1.0)
        encoded: NDArray[np.float64] = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        return 255.0 * encoded


def _to_xyz(primaries: Primaries) -> NDArray[np.float64]:
    """Return the matrix from light of the channels to CIE XYZ; Y of white is 1."""
    columns = np.array([(x, y, 1 - x - y) for x, y in primaries[1:]]).T
    if abs(np.linalg.det(columns)) < 1e-6:
        raise ValueError("its primaries are no three colors")
    return columns * np.linalg.solve(columns, _xyz(primaries.white))


def _xyz(point: Point) -> NDArray[np.float64]:
    x, y = point
    if not 0 < y <= 1:
        raise ValueError("its white is no color")
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _cones(point: Point) -> NDArray[np.float64]:
    found: NDArray[np.float64] = _BRADFORD @ _xyz(point)
    if (found <= 0.0).any():
        raise ValueError("its white is no color")
    return found
