"""Converts pictures to float32 arrays (height, width, 3): upright, sRGB in 0..255, of any size.

Knows nothing of TensorFlow or of style transfer.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurotransfer.image_io.reading import Picture, decode, read_picture
from neurotransfer.system.array import Array
from neurotransfer.system.errors import InputError

Source = str | Path | Picture | Image.Image | NDArray[Any]
"""The kinds of pictures that functions take: a path, a Pillow picture, or an array (height, width, 3) in 0..255."""

_STRIP = 256
"""Rows that are converted at once; a copy of a whole large picture would take too much memory."""


def open_picture(source: Source, max_pixels: int | None = None) -> Picture:
    """Return ``source`` as a `Picture`: decoded, and composited over white.

    ``max_pixels`` is a limit for files; None: 200 million, or less for formats that take more memory. Arrays and Pillow
    pictures have no limit.

    Raises:
        InputError: there is no such file, it is a folder, a device or a pipe, or it cannot be read as a picture.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        try:
            return decode(source.copy())  # decoding changes it in place
        except ValueError as error:
            raise InputError(f"The picture cannot be used: {error}.") from None
    if isinstance(source, np.ndarray):
        return _from_array(source)
    return read_picture(Path(source), max_pixels)


def _from_array(array: NDArray[Any]) -> Picture:
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise InputError(f"A picture array must have the shape (height, width, 3); found {array.shape}.")
    if not np.isfinite(array).all():
        raise InputError("A picture array must hold finite numbers in 0..255; found NaN or infinity.")
    if array.dtype == np.uint8:
        return Picture(Image.fromarray(array))
    return Picture(to_uint16(array.astype(np.float32, copy=False)))


def pixels(picture: Picture, size: tuple[int, int] | None = None) -> Array:
    """Return an upright sRGB array, float32 (height, width, 3) in 0..255, resampled (Lanczos) to ``size``.

    ``size`` is (width, height) of the upright picture; None: its own size. Of 16 bits, no level is lost.
    """
    size = _stored_size(size or picture.size, picture)
    if isinstance(picture.colors, Image.Image):
        small = _shrink(picture.colors, size)
        converted = picture.conversion(small) if picture.conversion else small.convert("RGB")
        return _upright(np.asarray(converted, dtype=np.float32), picture.orientation)
    channels = [_resample_16_bits(channel, size) for channel in np.moveaxis(picture.colors, -1, 0)]
    image: Array = np.clip(np.stack(channels, axis=-1) / np.float32(257.0), 0.0, 255.0, dtype=np.float32)
    if picture.conversion:
        image = picture.conversion.convert_float(image)
    return _upright(np.broadcast_to(image, (*image.shape[:2], 3)), picture.orientation)


def opacity(picture: Picture, size: tuple[int, int]) -> Array | None:
    """Return the picture's alpha, upright float32 (height, width) in 0..1 of ``size`` (width, height), or None."""
    if picture.alpha is None:
        return None
    alpha = _resample(picture.alpha, _stored_size(size, picture))
    return _upright(np.asarray(alpha, dtype=np.float32) / np.float32(255.0), picture.orientation)


def uncomposite_white(image: Array, alpha: Array) -> Array:
    """Return the colors that become ``image`` when they are composited over white with ``alpha``.

    ``image`` and the result are (height, width, 3) in 0..255, ``alpha`` is (height, width) in 0..1. Where ``alpha`` is
    0, the result is white.
    """
    share = alpha[..., np.newaxis]
    return np.clip(255.0 - (255.0 - image) / np.maximum(share, 1.0 / 255.0), 0.0, 255.0).astype(np.float32)


def _shrink(colors: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resample channel by channel: Pillow would take the fourth channel for alpha, and copy the picture."""
    if size == colors.size and colors.mode != "RGBA":
        return colors
    bands = "RGB" if colors.mode == "RGBA" else colors.getbands()
    return Image.merge("".join(bands), [_resample(colors.getchannel(band), size) for band in bands])


def _resample_16_bits(channel: NDArray[np.uint16], size: tuple[int, int]) -> Array:
    """Resample a 16-bit channel in float32.

    Rows are resampled first, a strip at a time, so that no large float32 copy is made. Pillow's own 16-bit mode is not
    used: where Lanczos overshoots, its values wrap around, and bright edges turn black.
    """
    strips = (channel[top : top + _STRIP].astype(np.float32) for top in range(0, len(channel), _STRIP))
    narrow = [np.asarray(_resample(Image.fromarray(strip), (size[0], len(strip)))) for strip in strips]
    return np.asarray(_resample(Image.fromarray(np.concatenate(narrow)), size), dtype=np.float32)


def _resample(channel: Image.Image, size: tuple[int, int]) -> Image.Image:
    return channel if size == channel.size else channel.resize(size, Image.Resampling.LANCZOS)


def _stored_size(size: tuple[int, int], picture: Picture) -> tuple[int, int]:
    return (size[1], size[0]) if picture.orientation >= 5 else size


def _upright(image: Array, orientation: int) -> Array:
    """Turn an array that is stored with EXIF's number ``orientation``, 1 to 8, upright."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def resize(image: Array, size: tuple[int, int]) -> Array:
    """Return a float32 array (height, width, 3) resampled (bicubic) to ``size`` (width, height). Nothing is clipped."""
    channels = [
        np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BICUBIC))
        for channel in np.moveaxis(np.ascontiguousarray(image, dtype=np.float32), -1, 0)
    ]
    return np.stack(channels, axis=-1)


def to_uint8(image: Array) -> NDArray[np.uint8]:
    """Round to the nearest integer and clip to 0..255."""
    rounded = np.rint(image)
    return np.clip(rounded, 0, 255, out=rounded).astype(np.uint8)


def to_uint16(image: Array) -> NDArray[np.uint16]:
    """Scale 0..255 to 0..65535, round to the nearest integer and clip."""
    scaled = image * np.float32(257.0)
    return np.clip(np.rint(scaled, out=scaled), 0, 65535, out=scaled).astype(np.uint16)


def load_image(path: str | Path) -> Array:
    """Return a picture file as a float32 array (height, width, 3): sRGB in 0..255, upright, composited over white.

    Raises:
        InputError: the file cannot be read as a picture.
    """
    return pixels(open_picture(path))
