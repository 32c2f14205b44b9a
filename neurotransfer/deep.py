"""16-bit samples, which Pillow reads only by halves, or not as such.

Colours, 16 bits: uint16 (height, width, 1 or 3), white is 65535. Alpha: mode L, 255 is opaque.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from neurotransfer.files import load

_MOST_DEEP = 100_000_000
"""Pixels of a 16-bit colour picture; a larger one is read with 8 bits, which take a third of the memory."""

_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_LOW_BYTES = {
    f"{bands};16{order}": f"{bands};16{other}"
    for bands in ("RGB", "RGBA", "RGBX")
    for order, other in _OTHER_ORDER.items()
}
"""Pillow's name for the samples in a file -> the name under which it reads their low bytes.

Pillow takes the high byte of each 16-bit colour sample. Told that the bytes stand in the other order, it takes the low.
"""
_GREY_AND_ALPHA = "LA;16B"
"""Pillow's name for the samples of 16-bit grey and alpha, in PNG files."""
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")

_WHITE = 65535.0

_STRIP = 256
"""Rows that are worked on at once, where a whole large picture would take memory."""


def samples_of(picture: Image.Image) -> str | None:
    """Return Pillow's name for the samples of a file that it has opened but not loaded, if they have one name."""
    tiles = getattr(picture, "tile", ())
    names = {str(tile.args[0] if isinstance(tile.args, tuple) else tile.args) for tile in tiles}
    return names.pop() if len(names) == 1 else None


def deep_colours(
    picture: Image.Image, path: Path | None, samples: str | None
) -> tuple[NDArray[np.uint16], Image.Image | None, str] | None:
    """Return the 16-bit colours of a loaded picture, laid over white, its alpha, and the mode of its profile.

    None: it has 8 bits, or is to be read as if. ``samples`` is what `samples_of` said before it was loaded; colour is
    read again from ``path``.
    """
    if picture.mode in _DEEP_GREY:
        return _deep_grey(picture), None, "L"
    if path is None or picture.width * picture.height > _MOST_DEEP:
        return None
    if samples == _GREY_AND_ALPHA:
        return *_deep_grey_and_alpha(path), "L"
    if samples in _LOW_BYTES:
        return *_deep_colour(picture, path, _LOW_BYTES[samples]), "RGB"
    return None


def _deep_colour(high: Image.Image, path: Path, low_name: str) -> tuple[NDArray[np.uint16], Image.Image | None]:
    """Join what Pillow has loaded of 16-bit colours with the low bytes, read under ``low_name``."""
    alpha = high.getchannel("A") if high.mode == "RGBA" else None
    colours = np.asarray(high)[..., :3].astype(np.uint16)
    colours <<= 8
    high.close()  # frees its memory
    low = _read_as(path, low_name)
    for channel in range(3):
        colours[..., channel] |= np.asarray(low.getchannel(channel))
    return (colours if alpha is None else _over_white(colours, alpha)), alpha


def _deep_grey_and_alpha(path: Path) -> tuple[NDArray[np.uint16], Image.Image]:
    high, low, alpha, _ = _read_as(path, "RGBA").split()  # that is, the four bytes of a pixel
    grey = np.asarray(high).astype(np.uint16)
    grey <<= 8
    grey |= np.asarray(low)
    return _over_white(grey[..., np.newaxis], alpha), alpha


def _read_as(path: Path, name: str) -> Image.Image:
    """Read a file under another of Pillow's names for its samples."""
    with Image.open(path, formats=("PNG", "TIFF")) as picture:
        assert isinstance(picture, ImageFile.ImageFile)
        picture.tile = [
            tile._replace(args=(name, *tile.args[1:]) if isinstance(tile.args, tuple) else name)
            for tile in picture.tile
        ]
        load(picture)
        return picture


def _over_white(colours: NDArray[np.uint16], alpha: Image.Image) -> NDArray[np.uint16]:
    """Lay 16-bit colours over white, in place."""
    opacity = np.asarray(alpha)
    for top in range(0, len(colours), _STRIP):
        strip = colours[top : top + _STRIP]
        share = opacity[top : top + _STRIP, :, np.newaxis].astype(np.float32) / 255.0
        strip[:] = np.rint(_WHITE - (_WHITE - strip) * share)
    return colours


def _deep_grey(picture: Image.Image) -> NDArray[np.uint16]:
    """Return a picture in one of Pillow's deep grey modes, (height, width, 1), white being 65535."""
    width, height = picture.size
    picture.load()
    factor = _white_factor(picture)
    grey = np.empty((height, width, 1), dtype=np.uint16)
    for top in range(0, height, _STRIP):
        strip = picture.crop((0, top, width, min(top + _STRIP, height)))
        values = np.nan_to_num(np.asarray(strip, dtype=np.float32))
        grey[top : top + _STRIP, :, 0] = np.clip(np.rint(values * factor), 0, _WHITE)
    return grey


def _white_factor(picture: Image.Image) -> float:
    """Return the factor that takes white to 65535. Only 16-bit modes say what it is; else the largest value tells."""
    if picture.mode not in ("I", "F"):
        return 1.0
    _, largest = picture.getextrema()
    assert not isinstance(largest, tuple)  # there is one channel
    if picture.mode == "F" and largest <= 1.0:
        return _WHITE
    return 257.0 if largest <= 255.0 else 1.0
