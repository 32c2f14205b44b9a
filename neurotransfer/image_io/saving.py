"""Saves arrays as picture files: the formats of results, their depths, profiles and resolution tags."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np
import png
import tifffile
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from neurotransfer.image_io.arrays import to_uint8, to_uint16, uncomposite_white
from neurotransfer.image_io.exif import as_bytes, tiff_tags
from neurotransfer.image_io.icc import srgb_profile
from neurotransfer.system.array import Array
from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.files import atomic_file

SAVE_OPTIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        ".png": ("PNG", {"compress_level": 6}),
        ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
        ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
        ".webp": ("WEBP", {"quality": 95}),
        ".tif": ("TIFF", {}),
        ".tiff": ("TIFF", {}),
    }
)
"""Extension of a result -> Pillow's format and its options."""

DEEP_EXTENSIONS = (".png", ".tif", ".tiff")
"""Extensions of the formats that can hold 16 bits a channel."""

_MAX_SIDES = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
"""Extension of a result -> the most pixels of a side that its format holds, where a print may need more."""

ALPHAS = ("keep", "flatten")
_ALPHA_FORMATS = ("PNG", "WEBP", "TIFF")
"""Pillow's formats that can hold an alpha channel."""

_INCH = 0.0254  # metres
_EXIF_HEADER = b"Exif\0\0"  # belongs into JPEG files only


def check_extension(path: Path, bits: int = 8) -> None:
    """Raise `InputError` unless a result of that depth can be saved under this name."""
    if path.suffix.lower() not in SAVE_OPTIONS:
        raise InputError(
            f"{path} has the unknown extension {path.suffix!r}; use {', '.join(SAVE_OPTIONS)}, "
            "or end the name with '/' for a folder."
        )
    if bits == 16 and path.suffix.lower() not in DEEP_EXTENSIONS:
        raise InputError(f"{path} cannot hold --bits 16; use {', '.join(DEEP_EXTENSIONS)}.")


def check_size(path: Path, size: tuple[int, int]) -> None:
    """Raise `InputError` unless a result of that width and height can be saved under this name."""
    max_side = _MAX_SIDES.get(path.suffix.lower())
    if max_side is not None and max(size) > max_side:
        raise InputError(
            f"{path} cannot hold {size[0]}x{size[1]} pixels: the format ends at {max_side} a side; "
            f"use {', '.join(DEEP_EXTENSIONS)}."
        )


def save_image(
    path: str | Path,
    image: Array,
    text: Mapping[str, str] | None = None,
    *,
    bits: int = 8,
    dpi: float | None = None,
    alpha: Array | None = None,
    exif: Image.Exif | None = None,
) -> None:
    """Save an sRGB array (height, width, 3) in 0..255, rounded and clipped, with the sRGB profile.

    The picture is written to a temporary file in the same folder, which is then renamed: ``path`` never holds half a
    picture. An existing file is replaced, and keeps its permissions.

    Args:
        path: the file; its extension chooses the format.
        image: the picture.
        text: keys and texts (ASCII) for the text chunks of a PNG; other formats leave them out.
        bits: 8, or 16 for PNG and TIFF, where 255 becomes 65535.
        dpi: resolution tag, in pixels per inch; WebP cannot hold it.
        alpha: opacity (height, width) in 0..1, for PNG, WebP and TIFF. ``image`` is the picture composited over
            white, which is what a JPEG holds.
        exif: EXIF for the file; of it, a TIFF holds only the texts, not the place.

    Raises:
        InputError: the extension is unknown, or the format does not hold 16 bits or so large a picture.
        NeurotransferError: the file cannot be written.
    """
    path = Path(path)
    check_extension(path, bits)
    check_size(path, (image.shape[1], image.shape[0]))
    kind, options = SAVE_OPTIONS[path.suffix.lower()]
    if alpha is not None and kind in _ALPHA_FORMATS:
        image = np.dstack([uncomposite_white(image, alpha), alpha * np.float32(255.0)])
    with atomic_file(path) as handle:
        try:
            if kind == "TIFF":
                _save_tiff(handle, to_uint8(image) if bits == 8 else to_uint16(image), dpi, exif)
            elif bits == 16:
                _save_16_bit_png(handle, image, text, dpi, exif)
            else:
                _save_8_bits(handle, kind, options, image, text, dpi, exif)
        except ValueError as error:  # Pillow's: the format cannot hold this
            raise NeurotransferError(f"{path} cannot be written: {str(error).rstrip('.')}.") from error


def _save_8_bits(
    handle: BinaryIO,
    kind: str,
    options: Mapping[str, Any],
    image: Array,
    text: Mapping[str, str] | None,
    dpi: float | None,
    exif: Image.Exif | None,
) -> None:
    options = {**options, "icc_profile": srgb_profile()} | ({"dpi": (dpi, dpi)} if dpi else {})
    if exif:
        options["exif"] = as_bytes(exif)
    if kind == "PNG" and text:
        chunks = PngImagePlugin.PngInfo()
        for key, value in text.items():
            chunks.add_text(key, value)
        options["pnginfo"] = chunks
    Image.fromarray(to_uint8(image)).save(handle, format=kind, **options)


class _PngWriter(png.Writer):  # type: ignore[misc]
    """A PNG writer that adds the chunks iCCP (the sRGB profile), tEXt and eXIf."""

    text: Mapping[str, str] = MappingProxyType({})
    exif = b""

    def write_preamble(self, outfile: BinaryIO) -> None:
        """Write the chunks that stand before the pixels."""
        super().write_preamble(outfile)
        png.write_chunk(outfile, b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile()))
        for key, value in self.text.items():
            png.write_chunk(outfile, b"tEXt", f"{key}\0{value}".encode("ascii"))
        if self.exif:
            png.write_chunk(outfile, b"eXIf", self.exif)


def _save_16_bit_png(
    handle: BinaryIO, image: Array, text: Mapping[str, str] | None, dpi: float | None, exif: Image.Exif | None
) -> None:
    height, width, channels = image.shape
    density = round(dpi / _INCH) if dpi else None
    writer = _PngWriter(
        width, height, greyscale=False, alpha=channels == 4, bitdepth=16,
        x_pixels_per_unit=density, y_pixels_per_unit=density, unit_is_meter=bool(density),
    )  # fmt: skip
    writer.text = text or {}
    writer.exif = as_bytes(exif).removeprefix(_EXIF_HEADER) if exif else b""
    writer.write(handle, (to_uint16(row).ravel() for row in image))


def _save_tiff(handle: BinaryIO, image: NDArray[Any], dpi: float | None, exif: Image.Exif | None) -> None:
    tifffile.imwrite(
        handle,
        image,
        software=False,
        photometric="rgb",
        extrasamples=["unassalpha"] if image.shape[2] == 4 else None,
        compression="zlib",
        metadata=None,
        resolution=(dpi, dpi) if dpi else None,
        resolutionunit="INCH" if dpi else None,
        iccprofile=srgb_profile(),
        extratags=[(tag, "s", 0, text.encode(), True) for tag, text in (tiff_tags(exif).items() if exif else ())],
    )
