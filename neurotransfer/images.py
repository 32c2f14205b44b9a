"""Picture files -> RGB: an upright 8-bit Pillow picture, or a float32 array (height, width, 3) in 0..255.

Knows nothing of TensorFlow or of style transfer.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from neurotransfer.errors import InputError

Array = NDArray[np.float32]
Source = str | Path | Image.Image | NDArray[Any]
"""What may stand for a picture: a file's path, a Pillow picture, or an array (height, width, 3) in 0..255."""

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


def open_picture(source: Source) -> Image.Image:
    """Return ``source`` as an upright 8-bit RGB picture, transparency flattened over white.

    Raises:
        InputError: there is no such file, it is a folder, or it cannot be read as a picture.
    """
    if isinstance(source, Image.Image):
        return _to_rgb(source)
    if isinstance(source, np.ndarray):
        return _from_array(source)
    path = Path(source)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; expected a picture file.")
        if not path.exists():
            raise InputError(f"There is no picture {path}; check the name and the folder.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                return _to_rgb(picture)
    except UnidentifiedImageError:
        raise InputError(f"{path} is not a picture of a known format; expected JPEG, PNG, WebP or TIFF.") from None
    except OSError as error:
        reason = error.strerror or str(error).rstrip(".")
        raise InputError(f"{path} cannot be read as a picture: {reason}.") from None
    except (ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as a picture: {str(error).rstrip('.')}.") from None


def _from_array(array: NDArray[Any]) -> Image.Image:
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise InputError(f"A picture array must have the shape (height, width, 3); found {array.shape}.")
    if not np.isfinite(array).all():
        raise InputError("A picture array must hold finite numbers in 0..255; found NaN or infinity.")
    return Image.fromarray(to_uint8(array.astype(np.float32, copy=False)))


def _to_rgb(picture: Image.Image) -> Image.Image:
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in _DEEP:  # Pillow's own conversion would clip at 255
        values = np.nan_to_num(np.asarray(picture, dtype=np.float32))
        return Image.fromarray(to_uint8(values * _white(picture.mode, float(values.max())))).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def _white(mode: str, largest: float) -> float:
    """Return the factor that takes white to 255. Only 16-bit modes say what white is; else the largest value tells."""
    if mode == "F" and largest <= 1.0:
        return 255.0
    if mode in ("F", "I") and largest <= 255.0:
        return 1.0
    return 1.0 / 257.0


def fit(picture_size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Return ``(width, height)`` with the given long side and the aspect ratio of ``picture_size``."""
    width, height = picture_size
    scale = long_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def pixels(picture: Image.Image, size: tuple[int, int] | None = None) -> Array:
    """Return the picture as float32 (height, width, 3) in 0..255, resampled (Lanczos) to ``size`` (width, height)."""
    if size is not None and size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(picture, dtype=np.float32)


def resize(image: Array, size: tuple[int, int]) -> Array:
    """Return any float32 (height, width, 3) array resampled (bicubic) to ``size`` (width, height), not clipped."""
    channels = [
        np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BICUBIC))
        for channel in np.moveaxis(np.ascontiguousarray(image, dtype=np.float32), -1, 0)
    ]
    return np.stack(channels, axis=-1)


def to_uint8(image: Array) -> NDArray[np.uint8]:
    """Round to the nearest integer and clip to 0..255; nothing is stretched."""
    rounded = np.rint(image)
    return np.clip(rounded, 0, 255, out=rounded).astype(np.uint8)


def load_image(path: str | Path) -> Array:
    """Return a picture file as a float32 array (height, width, 3), RGB in 0..255, upright.

    Raises:
        InputError: the file cannot be read as a picture.
    """
    return pixels(open_picture(path))
