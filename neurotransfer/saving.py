"""Arrays -> picture files, whole or not at all. The formats, depths and resolution tags of results."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import png
import tifffile
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from neurotransfer.errors import InputError, NeurotransferError
from neurotransfer.images import Array, to_uint8

SAVE_OPTIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        ".png": ("PNG", {"compress_level": 6}),
        ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
        ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
        ".webp": ("WEBP", {"quality": 95}),
        ".tif": ("TIFF", {"compression": "tiff_deflate"}),
        ".tiff": ("TIFF", {"compression": "tiff_deflate"}),
    }
)
"""Extension of a result -> Pillow's format and options."""

DEPTHS = (8, 16)
DEEP_EXTENSIONS = (".png", ".tif", ".tiff")
"""Extensions of the formats that hold 16 bits a channel."""

_INCH = 0.0254  # metres


def check_extension(path: Path, bits: int = 8) -> None:
    """Raise `InputError` unless a result of that depth can be saved under this name."""
    if path.suffix.lower() not in SAVE_OPTIONS:
        raise InputError(
            f"{path} has the unknown extension {path.suffix!r}; use {', '.join(SAVE_OPTIONS)}, "
            "or end the name with '/' for a folder."
        )
    if bits == 16 and path.suffix.lower() not in DEEP_EXTENSIONS:
        raise InputError(f"{path} cannot hold --bits 16; use {', '.join(DEEP_EXTENSIONS)}.")


def save_image(
    path: str | Path,
    image: Array,
    text: Mapping[str, str] | None = None,
    *,
    bits: int = 8,
    dpi: float | None = None,
) -> None:
    """Save an RGB array (height, width, 3) in 0..255: rounded, clipped, whole or not at all.

    The picture is written to a temporary file in the same folder and renamed, so that ``path`` never holds half a
    picture. An existing file is replaced.

    Args:
        path: where to; the extension chooses the format.
        image: the picture.
        text: goes into an 8-bit PNG as text chunks; other formats leave it out.
        bits: 8, or 16 for PNG and TIFF, where 255 becomes 65535.
        dpi: resolution noted in the file, in pixels per inch; WebP has no place for it.

    Raises:
        InputError: the extension is unknown, or the format does not hold 16 bits.
        NeurotransferError: the file cannot be written.
    """
    path = Path(path)
    check_extension(path, bits)
    with atomic_file(path) as temporary:
        if bits == 8:
            _save_8_bits(temporary, path.suffix.lower(), image, text, dpi)
        elif path.suffix.lower() == ".png":
            _save_deep_png(temporary, image, dpi)
        else:
            tifffile.imwrite(
                temporary,
                _to_uint16(image),
                photometric="rgb",
                compression="zlib",
                metadata=None,
                resolution=(dpi, dpi) if dpi else None,
                resolutionunit="INCH" if dpi else None,
            )


def _save_8_bits(path: Path, extension: str, image: Array, text: Mapping[str, str] | None, dpi: float | None) -> None:
    kind, options = SAVE_OPTIONS[extension]
    options = dict(options) | ({"dpi": (dpi, dpi)} if dpi else {})
    if kind == "PNG" and text:
        chunks = PngImagePlugin.PngInfo()
        for key, value in text.items():
            chunks.add_text(key, value)
        options["pnginfo"] = chunks
    Image.fromarray(to_uint8(image)).save(path, format=kind, **options)


def _save_deep_png(path: Path, image: Array, dpi: float | None) -> None:
    height, width = image.shape[:2]
    density = round(dpi / _INCH) if dpi else None
    writer = png.Writer(
        width, height, greyscale=False, bitdepth=16,
        x_pixels_per_unit=density, y_pixels_per_unit=density, unit_is_meter=bool(density),
    )  # fmt: skip
    with path.open("wb") as handle:
        writer.write(handle, (_to_uint16(row).ravel() for row in image))


def _to_uint16(image: Array) -> NDArray[np.uint16]:
    rounded: NDArray[np.uint16] = np.clip(np.rint(image * 257.0), 0, 65535).astype(np.uint16)
    return rounded


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to; renamed to ``path`` when the block ends well, else removed.

    Raises:
        NeurotransferError: the block or the renaming met an `OSError`.
    """
    temporary = path.with_name(f".{path.name[:80]}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise NeurotransferError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
