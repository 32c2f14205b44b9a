"""Reads picture files of many formats, trusted or not, as `Picture`: decoded, but neither turned nor converted to sRGB.

Whatever the file holds, the result is a picture or an `InputError` of one sentence.
"""

import logging
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from neurotransfer.image_io.budget import Budget
from neurotransfer.image_io.color_space import Conversion, find_conversion
from neurotransfer.image_io.cut_files import complete_jpeg, ends_too_early
from neurotransfer.image_io.eight_bit import eight_bit_colors
from neurotransfer.image_io.exif import filter_exif
from neurotransfer.image_io.guarded_file import MAX_FILE_BYTES, LimitedFile, check_file, load, open_image
from neurotransfer.image_io.jpeg2000_blocks import check_jpeg2000
from neurotransfer.image_io.jpeg_scans import check_jpeg, check_jpeg_in_tiff
from neurotransfer.image_io.kinds import BEGIN, find_formats, known_format
from neurotransfer.image_io.png_chunks import MAX_UNPACKED, check_png
from neurotransfer.image_io.pnm import Header, find_header, read_pnm
from neurotransfer.image_io.sixteen_bit import MAX_DEEP_PIXELS, composite_white, deep_colors, raw_mode, scale_gray
from neurotransfer.image_io.tiff_layout import MAGIC_NUMBERS, Tags, find_layout
from neurotransfer.image_io.tiff_pages import check_first_page
from neurotransfer.image_io.tiff_samples import read_samples
from neurotransfer.system.errors import InputError

logger = logging.getLogger(__name__)

_ICC_PROFILE = 34675
"""Number of the TIFF tag."""

_PROCESS_WIDE = threading.RLock()
"""Held while settings of the whole process are changed: another thread would save our values, and restore them."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture file. `neurotransfer.image_io.arrays.pixels` makes an upright sRGB array of it, of any size.

    It is turned and converted to sRGB after resampling, because a large photo does not fit into the memory twice.
    """

    colors: Image.Image | NDArray[np.uint16] = field(repr=False)
    """Composited over white. 8 bits: mode L, RGB, CMYK, LAB, or RGBA whose fourth channel is to be ignored.
    16 bits: (height, width, 1 or 3), white is 65535."""
    alpha: Image.Image | None = field(default=None, repr=False)
    """Mode L, 255 is opaque; None: all pixels are opaque."""
    orientation: int = 1
    """EXIF's number, 1 to 8, of how the pixels are stored."""
    conversion: Conversion | None = None
    """The conversion of the colors to sRGB; None: they are sRGB."""
    exif: Image.Exif = field(default_factory=Image.Exif, repr=False)
    """The part of the file's EXIF that results may keep: see `neurotransfer.image_io.exif`."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        if isinstance(self.colors, Image.Image):
            width, height = self.colors.size
        else:
            height, width = self.colors.shape[:2]
        return (height, width) if self.orientation >= 5 else (width, height)


def read_picture(path: Path, max_pixels: int | None = None) -> Picture:
    """Decode a picture file: its first frame or page.

    ``max_pixels`` is the limit of its size; None: 200 million, or less for formats that take more memory.

    Raises:
        InputError: there is no such file, or it cannot be read as a picture.
    """
    begin, budget = b"", Budget(path, max_pixels)
    try:
        check_file(path, max(MAX_FILE_BYTES, 8 * (max_pixels or 0)))
        with quiet_pillow(), LimitedFile(path) as file:
            begin = file.peek(BEGIN)[:BEGIN]
            formats = find_formats(path, begin)
            if begin[:4] in MAGIC_NUMBERS and (deep := _read_deep_tiff(path, file, budget)):
                return deep
            if header := find_header(begin):
                return _read_pnm(file, header, budget)
            if begin[:2] == b"\xff\xd8" and not (scans := check_jpeg(path, budget)).ends:
                complete_jpeg(path, file, scans)
            elif begin[:4] == b"\x89PNG":
                check_png(path, budget)
            elif begin[:4] == b"\xff\x4f\xff\x51" or begin[4:8] == b"jP  ":
                check_jpeg2000(path, budget)
            file.seek(0)
            with open_image(file, formats) as opened:
                budget.check_size(opened.size, opened.format)
                file.allow_pixels(opened.width * opened.height)
                return decode(opened, path)
    except InputError:
        raise
    except Exception as error:  # untrusted input: decoders may raise anything
        logger.debug("%s: %r", path, error)
        raise _unreadable(path, begin, error) from None


def _read_deep_tiff(path: Path, file: LimitedFile, budget: Budget) -> Picture | None:
    """Read a TIFF file of more than 8 bits a sample; None: it is another, which Pillow may know."""
    try:
        tags = Tags(file)
        check_first_page(path, file, tags)
        check_jpeg_in_tiff(path, tags, budget)
        layout = find_layout(tags)
    except (struct.error, OverflowError):  # it is damaged
        return None
    if layout is None:
        return None
    pixels = layout.width * layout.height
    budget.check_size((layout.width, layout.height), "TIFF")
    exif = Image.Exif()
    exif.bigtiff, exif.endian = tags.is_big, tags.order
    exif.load_from_fp(file, tags.offset)
    info = {"icc_profile": exif.get(_ICC_PROFILE)}
    conversion = find_conversion(layout.mode, info, exif, path, "TIFF")
    orientation, kept = _orientation(exif), filter_exif(exif, keep_gps=True)
    del exif  # frees its memory: it may hold all layers of a drawing
    file.allow_pixels(pixels)
    if layout.mode == "L":
        colors, opacity = read_samples(file, tags, layout)
        white = 4095.0 if layout.bits == 12 else None
        colors = scale_gray(colors[..., 0], inverted=layout.inverted, white=white)
    else:
        few = layout.mode == "CMYK" or pixels > MAX_DEEP_PIXELS
        colors, opacity = read_samples(file, tags, layout, high_bytes=few)
    if opacity is not None:
        composite_white(colors, opacity, associated=layout.associated)
    picture: Image.Image | NDArray[np.uint16] = colors
    if colors.dtype == np.uint8:
        picture = Image.frombuffer(layout.mode, colors.shape[1::-1], colors.reshape(-1), "raw", layout.mode, 0, 1)
    alpha = None if opacity is None else Image.fromarray(opacity)
    return Picture(picture, _seen(alpha, path), orientation, conversion, kept)


def _read_pnm(file: LimitedFile, header: Header, budget: Budget) -> Picture:
    budget.check_size((header.width, header.height), "plain PNM" if header.is_plain else "PNM")
    file.allow_pixels(header.width * header.height)
    return Picture(read_pnm(file, header))


def decode(opened: Image.Image, path: Path | None = None) -> Picture:
    """Return a Pillow picture as a `Picture`.

    ``path`` is the file of which Pillow has opened it; without it, color has 8 bits.
    """
    name = raw_mode(opened)  # known only until the picture is loaded
    load(opened)
    info, form, exif = opened.info, opened.format, _exif(opened)
    orientation, kept = _orientation(exif), filter_exif(exif, keep_gps=True)
    colors: Image.Image | NDArray[np.uint16]
    colors, alpha, mode = deep_colors(opened, path, name) or eight_bit_colors(opened, name)
    conversion = find_conversion(mode, info, exif, path, form)
    return Picture(colors, _seen(alpha, path), orientation, conversion, kept)


def _seen(alpha: Image.Image | None, path: Path | None) -> Image.Image | None:
    """Return an alpha, or None if all is opaque; with a warning if nothing is to be seen."""
    if alpha is None or (extremes := alpha.getextrema()) == (255, 255):
        return None
    if extremes == (0, 0):
        logger.warning(
            "%s is transparent everywhere, so it is taken for white; look at it in a viewer.", path or "A picture"
        )
    return alpha


def _unreadable(path: Path, begin: bytes, error: Exception) -> InputError:
    if isinstance(error, MemoryError):
        return InputError(f"{path} does not fit into the memory; save it smaller.")
    if ends_too_early(path, begin):
        return InputError(f"{path} ends too early, and cannot be read; copy or download it again.")
    if not isinstance(error, UnidentifiedImageError) and "decoder error" not in str(error):
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or "it is damaged"
        return InputError(f"{path} cannot be read as a picture: {reason.strip().splitlines()[0][:200].rstrip('.')}.")
    if name := known_format(begin):
        return InputError(f"{path} is a {name} picture, but a damaged or unusual one; save it again, as PNG in RGB.")
    return InputError(
        f"{path} is not a picture of a known format; expected JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP, "
        "JPEG 2000 or PNM."
    )


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Switch off Pillow's warnings and logs about damaged files, and its limits of pixels and texts; we have others."""
    with _PROCESS_WIDE:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        log = logging.getLogger("PIL")
        level = log.level
        log.setLevel(logging.CRITICAL)
        texts, PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_CHUNK, MAX_UNPACKED
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            log.setLevel(level)
            PngImagePlugin.MAX_TEXT_CHUNK = texts
            Image.MAX_IMAGE_PIXELS = limit


def _exif(picture: Image.Image) -> Image.Exif | None:
    try:
        return picture.getexif()
    except Exception:  # untrusted input; without its EXIF, it is still a picture
        return None


def _orientation(exif: Image.Exif | None) -> int:
    try:
        found = exif.get(ExifTags.Base.Orientation, 1) if exif else 1
    except Exception:  # untrusted input
        return 1
    return found if found in range(1, 9) else 1
