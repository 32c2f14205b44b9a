"""16-bit colors: scales gray of more than 8 bits, composites over white, reads PNG files that Pillow reads with 8.

Colors of 16 bits: uint16 (height, width, 1 or 3), white is 65535. Alpha: mode L, 255 is opaque.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurotransfer.image_io.guarded_file import LimitedFile, load, open_image

MAX_DEEP_PIXELS = 100_000_000
"""Pixels of a 16-bit color picture. A larger one is read with 8 bits, which take a third of the memory."""

_LOW_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
"""Pillow's name for the samples of a PNG file -> the name under which it reads their low bytes.

Pillow keeps the high byte of each 16-bit color sample. If the byte order is given reversed, it keeps the low byte.
pypng would read all 16 bits at once, but takes twelve times as long as Pillow takes to read twice.
"""
_GRAY_AND_ALPHA = "LA;16B"
"""Pillow's name for 16-bit gray and alpha in a PNG file. Read as RGBA, each channel is one of the four bytes."""
_DEEP_GRAY = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")

_WHITE = 65535.0

_STRIP = 256
"""Rows that are converted at once; a copy of a whole large picture would take too much memory."""


class DeepColors(NamedTuple):
    """A picture of 16 bits, composited over white."""

    colors: NDArray[np.uint16]
    alpha: Image.Image | None
    mode: str
    """Pillow's mode that its profile is for: L or RGB."""


def raw_mode(picture: Image.Image) -> str:
    """Return Pillow's name for the samples of a file that is opened but not loaded; empty: none, or several."""
    names = {str(tile.args[0] if isinstance(tile.args, tuple) else tile.args) for tile in getattr(picture, "tile", ())}
    return names.pop() if len(names) == 1 else ""


def deep_colors(picture: Image.Image, path: Path | None, name: str) -> DeepColors | None:
    """Return the 16-bit colors of a loaded picture; None: it has 8 bits, or is read with 8.

    ``name`` is its `raw_mode` from before it was loaded. A PNG file is read a second time from ``path``.

    Raises:
        ValueError: nothing says which gray is white.
    """
    key = picture.info.get("transparency")
    if picture.mode in _DEEP_GRAY:
        gray = scale_gray(_values(picture))
        return DeepColors(gray, key_to_alpha(gray, key), "L")
    if path is None or picture.format != "PNG" or picture.width * picture.height > MAX_DEEP_PIXELS:
        return None
    if name == _GRAY_AND_ALPHA:
        return _gray_and_alpha(_read_as(path, "RGBA"))
    if name in _LOW_BYTES:
        return _high_and_low(picture, path, _LOW_BYTES[name], key)
    return None


def _high_and_low(high: Image.Image, path: Path, low_name: str, key: Any) -> DeepColors:
    """Join the high bytes, which Pillow has loaded, with the low bytes, which it reads under ``low_name``."""
    alpha = high.getchannel("A") if high.mode == "RGBA" else None
    colors = np.asarray(high)[..., :3].astype(np.uint16)
    colors <<= 8
    high.close()  # frees its memory
    low = _read_as(path, low_name)
    for channel in range(3):
        colors[..., channel] |= np.asarray(low.getchannel(channel))
    if alpha is None:
        alpha = key_to_alpha(colors, key)
    else:
        composite_white(colors, np.asarray(alpha))
    return DeepColors(colors, alpha, "RGB")


def _gray_and_alpha(four: Image.Image) -> DeepColors:
    """Join the high and low bytes of gray and alpha, which were loaded as four channels."""
    gray = np.empty((four.height, four.width, 1), dtype=np.uint16)
    for top, strip in _strips(four):
        gray[top : top + _STRIP, :, 0] = strip[..., 0].astype(np.uint16) << 8 | strip[..., 1]
    alpha = four.getchannel("B")
    four.close()  # frees its memory
    composite_white(gray, np.asarray(alpha))
    return DeepColors(gray, alpha, "L")


def _read_as(path: Path, name: str) -> Image.Image:
    """Read a PNG file under another of Pillow's names for its samples."""
    with LimitedFile(path) as file, open_image(file, ["PNG"]) as picture:
        file.allow_pixels(picture.width * picture.height)
        picture.tile = [
            tile._replace(args=(name, *tile.args[1:]) if isinstance(tile.args, tuple) else name)
            for tile in picture.tile
        ]
        load(picture)
        return picture


def composite_white(colors: NDArray[Any], alpha: NDArray[np.uint8], *, associated: bool = False) -> None:
    """Composite colors (height, width, channels) of 8 or 16 bits over white, in place.

    ``alpha`` (height, width): 255 is opaque. ``associated``: the colors are already multiplied by it.
    """
    white = np.float32(np.iinfo(colors.dtype).max)
    for top in range(0, len(colors), _STRIP):
        strip = colors[top : top + _STRIP]
        share = alpha[top : top + _STRIP, :, np.newaxis].astype(np.float32) / 255.0
        if associated:
            strip[:] = np.minimum(np.rint(strip + white * (1.0 - share)), white)
        else:
            strip[:] = np.rint(white - (white - strip) * share)


def key_to_alpha(colors: NDArray[np.uint16], key: Any) -> Image.Image | None:
    """Return the alpha of colors of which one, ``key``, is transparent, and make that one white, in place."""
    if not isinstance(key, int | tuple):
        return None
    alpha = np.full(colors.shape[:2], 255, dtype=np.uint8)
    for top in range(0, len(colors), _STRIP):
        strip = colors[top : top + _STRIP]
        clear = (strip == key).all(axis=-1)
        strip[clear] = _WHITE
        alpha[top : top + _STRIP][clear] = 0
    return Image.fromarray(alpha)


def scale_gray(values: NDArray[Any], *, inverted: bool = False, white: float | None = None) -> NDArray[np.uint16]:
    """Return gray of 16 or 32 bits or float, (height, width), as uint16 (height, width, 1), white being 65535.

    ``inverted``: 0 is white. ``white``: the white value; None: it follows from the type, or from the largest value.

    Raises:
        ValueError: nothing says which value is white, or black.
    """
    if values.dtype == np.uint16 and white is None and not inverted:
        return values[..., np.newaxis]
    white = white or _find_white(values)
    gray = np.empty((*values.shape, 1), dtype=np.uint16)
    for top in range(0, len(values), _STRIP):
        shares = np.nan_to_num(values[top : top + _STRIP].astype(np.float32)) * (_WHITE / white)
        gray[top : top + _STRIP, :, 0] = np.clip(np.rint(_WHITE - shares if inverted else shares), 0, _WHITE)
    return gray


def _find_white(values: NDArray[Any]) -> float:
    """Return the white value: of uint16 its largest, of wider or signed types one that the largest sample suggests."""
    if values.dtype == np.uint16:
        return _WHITE
    least = largest = 0.0
    for top in range(0, len(values), _STRIP):
        strip = values[top : top + _STRIP].astype(np.float32)
        finite = strip[np.isfinite(strip)]
        least, largest = min(least, float(finite.min(initial=0.0))), max(largest, float(finite.max(initial=0.0)))
    whites = [1.0, 255.0, _WHITE]
    if values.dtype.kind != "f":
        if least < 0:
            raise ValueError(f"its grey goes from {least:g} to {largest:g}, and nothing says which value is black")
        # The largest value of the type is white, unless samples of fewer bits are kept in a wide type.
        full = float(np.iinfo(values.dtype).max)
        whites = [white for white in (255.0, _WHITE) if white < full] + [full]
    # Sharpening and resampling overshoot: values a little above white do not show a greater depth.
    white = next((white for white in whites if largest <= 2 * white), None)
    if white is None or (white > _WHITE and largest < white / 256):
        raise ValueError(f"its grey reaches to {largest:g}, and nothing says which value is white")
    return white


def _values(picture: Image.Image) -> NDArray[Any]:
    """Return the values (height, width) of a picture in one of Pillow's deep gray modes."""
    values: NDArray[Any] | None = None
    for top, strip in _strips(picture):
        if values is None:
            values = np.empty((picture.height, picture.width), strip.dtype.newbyteorder("="))
        values[top : top + _STRIP] = strip
    assert values is not None  # no picture has no rows
    return values


def _strips(picture: Image.Image) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the number of its first row, and the samples, of each strip of a picture."""
    for top in range(0, picture.height, _STRIP):
        yield top, np.asarray(picture.crop((0, top, picture.width, min(top + _STRIP, picture.height))))
