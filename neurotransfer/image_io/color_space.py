"""Decides the color space of a picture file, and finds the conversion of its colors to sRGB.

What a file tells is taken in the order of its format's specification. PNG (third edition, 4.3): the chunks cICP, iCCP,
sRGB, then gAMA and cHRM. AVIF and HEIC (ISO/IEC 23000-22, 7.3.6.4): a profile, then nclx. All others: a profile. Only
where there is none of these, the EXIF counts (DCF 2.0: Adobe RGB).
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from neurotransfer.image_io.coded_colors import (
    ADOBE_RGB,
    CURVES,
    PRIMARIES,
    SRGB,
    Primaries,
    ToSrgbByNumbers,
    power_curve,
    srgb_curve,
)
from neurotransfer.image_io.icc import to_srgb
from neurotransfer.image_io.iso_boxes import primary_properties
from neurotransfer.image_io.png_chunks import png_chunks
from neurotransfer.system.array import Array

logger = logging.getLogger(__name__)

_ADOBE_GAMMA = 563 / 256
_GAMMA_OF_SRGB, _NEARLY = 1 / 2.2, 0.005
"""PNG's gAMA that stands for sRGB: screens of 1996 had a power of 2.2, and sRGB came later."""
_ADOBE_COLOR_SPACE = 2
"""What some cameras write for Adobe RGB as EXIF's ColorSpace."""


class Conversion(Protocol):
    """A conversion to sRGB, of 8-bit pictures and of float arrays."""

    def __call__(self, picture: Image.Image, /) -> Image.Image | Array:
        """Return an 8-bit picture in sRGB, as an RGB picture or as float32 (height, width, 3) in 0..255."""

    def convert_float(self, image: NDArray[np.float32], /) -> Array:
        """Convert float32 (height, width, 1 or 3) in 0..255 to float32 (height, width, 3) in 0..255."""


class Cicp(NamedTuple):
    """Numbers of ITU-T H.273 for a color space."""

    primaries: int
    transfer: int
    narrow: bool = False
    """Whether black is 16 of 255, and white 235."""


def find_conversion(
    mode: str, info: Mapping[Any, Any], exif: Image.Exif | None, path: Path | None, form: str | None
) -> Conversion | None:
    """Return the conversion to sRGB of a picture of Pillow's ``mode`` (L, RGB, CMYK, LAB); None: its colors are sRGB.

    ``info`` is what Pillow tells of the file, ``form`` its format. A file that tells nothing is taken for sRGB, and so
    is one, with a warning, that tells what cannot be used.
    """
    try:
        found = _find(mode, info, exif, _find_cicp(path, form) if path and mode in ("L", "RGB") else None)
    except ValueError as error:
        told = "profile" if info.get("icc_profile") else "space"
        logger.warning("The colour %s of %s cannot be used (%s): its colours are taken for sRGB.", told, path, error)
        return None
    if isinstance(found, ToSrgbByNumbers) and found.is_hdr:
        logger.info("%s has high dynamic range: what is lighter than white (203 cd/m²) is compressed.", path)
    return found


def _find(mode: str, info: Mapping[Any, Any], exif: Image.Exif | None, cicp: Cicp | None) -> Conversion | None:
    profile = info.get("icc_profile")
    if mode not in ("L", "RGB") or (profile and cicp is None):
        return to_srgb(profile, mode)
    if cicp is not None:
        if cicp.primaries not in PRIMARIES or cicp.transfer not in CURVES:
            raise ValueError(f"nobody knows the numbers {cicp.primaries} and {cicp.transfer} for colors")
        found = ToSrgbByNumbers(PRIMARIES[cicp.primaries], CURVES[cicp.transfer], narrow=cicp.narrow)
    elif "srgb" in info:
        return None
    elif "gamma" in info or "chromaticity" in info:
        found = _by_gamma(info.get("gamma", _GAMMA_OF_SRGB), info.get("chromaticity"))
    elif _is_adobe_rgb(exif):
        found = ToSrgbByNumbers(ADOBE_RGB, power_curve(_ADOBE_GAMMA))
    else:
        return None
    return None if found.is_srgb else found


def _by_gamma(gamma: float, chromaticity: tuple[float, ...] | None) -> ToSrgbByNumbers:
    """Return the conversion by PNG's gAMA, and by cHRM: x and y of white, red, green and blue."""
    if not 0.01 <= gamma <= 100:
        raise ValueError(f"its gamma is {gamma:g}")
    curve = srgb_curve if abs(gamma - _GAMMA_OF_SRGB) < _NEARLY else power_curve(1 / gamma)
    primaries = Primaries(*zip(chromaticity[::2], chromaticity[1::2], strict=True)) if chromaticity else SRGB
    return ToSrgbByNumbers(primaries, curve)


def _is_adobe_rgb(exif: Image.Exif | None) -> bool:
    try:
        if not exif:
            return False
        told = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex, "")
        index = index.decode("latin-1") if isinstance(index, bytes) else str(index)
    except Exception:  # untrusted input: Pillow's parser may raise anything
        return False
    return told == _ADOBE_COLOR_SPACE or index.strip("\0 ") == "R03"


def _find_cicp(path: Path, form: str | None) -> Cicp | None:
    """Return the numbers that a PNG, AVIF or HEIC file holds for its colors; None: it holds none.

    Of AVIF and HEIC files with a profile, the numbers are not for the colors, but for how they are compressed.
    """
    if form not in ("PNG", "AVIF", "HEIF"):
        return None
    with path.open("rb") as file:
        if form == "PNG":
            for name, place, length in png_chunks(file):
                if name == b"IDAT":
                    break
                if name == b"cICP" and length == 4:
                    file.seek(place)
                    primaries, transfer, matrix, full = file.read(4)
                    if matrix:  # samples are not RGB, which PNG does not know
                        raise ValueError(f"nobody knows RGB with the matrix {matrix}")
                    return Cicp(primaries, transfer, narrow=not full)
            return None
        told = [content for name, content in primary_properties(file) if name == b"colr"]
    if any(content[:4] in (b"prof", b"rICC") for content in told):
        return None
    for content in told:
        if content[:4] == b"nclx" and len(content) >= 8:
            return Cicp(int.from_bytes(content[4:6]), int.from_bytes(content[6:8]))
    return None
