"""Files that end too early: a JPEG file that lacks only its end is read, as viewers do; for others there are words."""

import logging
import math
import os
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from neurotransfer.image_io.guarded_file import LimitedFile, load, open_image
from neurotransfer.image_io.iso_boxes import boxes
from neurotransfer.image_io.jpeg_scans import Scans
from neurotransfer.image_io.png_chunks import png_chunks
from neurotransfer.image_io.tiff_layout import MAGIC_NUMBERS, Tags
from neurotransfer.system.errors import InputError

logger = logging.getLogger(__name__)

_END = b"\xff\xd9"
"""The end mark of a JPEG file. A decoder that finds it too early makes up the rest of the picture."""
_NOISE = b"\xfe\xfe" + random.Random(0).randbytes(50_000).replace(b"\xff", b"") + _END  # noqa: S311 - no secret
"""Another ending: what a decoder makes of it is another picture, from the first row on that the file lacks.

Of an early end mark, decoders make bits that are zero; this one begins with others.
"""

_MAX_MISSING = 0.02
"""Part of the rows that may be missing; or those of one row of blocks, which lack a pixel if the last byte is lost."""

_ROWS = 256
"""Rows that are looked at together."""


def complete_jpeg(path: Path, file: LimitedFile, scans: Scans) -> None:
    """Give a JPEG file without its end an end, with a warning.

    Raises:
        InputError: more than its last rows are missing.
    """
    height = scans.size[1]
    rows = _first_difference(path) if scans.is_complete else 0
    if not scans.is_complete or height - rows > max(scans.row + 1, _MAX_MISSING * height):
        missing = f"missing below row {rows} of {height}" if scans.is_complete else "incomplete everywhere"
        raise InputError(
            f"{path} ends too early, and its picture is {missing}; copy or download it again, "
            "or save what a viewer shows of it."
        )
    wrong = f"the last {height - rows} may be wrong" if rows < height else "none seems to be missing"
    logger.warning("%s ends too early: of its %d rows, %s. Copy or download it again.", path, height, wrong)
    file.end_with(_END)


def _first_difference(path: Path) -> int:
    """Return the first row that depends on how the file is completed; its height, if none does."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        noise = b"\0" + _NOISE if file.read() == b"\xff" else _NOISE  # half of a mark becomes data
    pairs = zip(*(list(_checksums(path, ending)) for ending in (noise, _END)), strict=True)
    rows = 0
    for one, other in pairs:
        if one != other:
            break
        rows += 1
    return rows


def _checksums(path: Path, ending: bytes) -> Iterator[int]:
    """Yield a number for each row of a JPEG file that is completed with ``ending``: two pictures take much memory."""
    with LimitedFile(path) as file, open_image(file, ["JPEG"]) as picture:
        file.end_with(ending)
        file.allow_pixels(picture.width * picture.height)
        load(picture)
        for top in range(0, picture.height, _ROWS):
            strip = picture.crop((0, top, picture.width, min(top + _ROWS, picture.height)))
            data = memoryview(strip.tobytes())
            length = len(data) // strip.height
            yield from (zlib.crc32(data[begin : begin + length]) for begin in range(0, len(data), length))


def ends_too_early(path: Path, begin: bytes) -> bool:
    """Return whether a file, by its first bytes and by what it says of its length, lacks its end."""
    if not begin:
        return False
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if begin[:4] == b"\x89PNG":
            return b"IEND" not in (name for name, _, _ in png_chunks(file))
        if begin[:4] == b"GIF8":
            file.seek(-1, os.SEEK_END)
            return file.read() not in (b";", b"\0")
        if begin[:4] == b"RIFF":
            return size < 8 + int.from_bytes(begin[4:8], "little")
        if begin[:2] == b"BM":
            return size < int.from_bytes(begin[2:6], "little")
        if begin[:4] in MAGIC_NUMBERS:
            return size < _end_of_tiff(file)
        return begin[4:8] in (b"ftyp", b"jP  ") and any((end or 0) > size for _, _, end in boxes(file))


def _end_of_tiff(file: BinaryIO) -> float:
    """Return where the last strip or tile of a TIFF file ends."""
    try:
        tags = Tags(file)
    except struct.error:  # the tags may stand at the end
        return math.inf
    begins, lengths = (tags.numbers(324 if 324 in tags else 273), tags.numbers(325 if 325 in tags else 279))
    return max((begin + length for begin, length in zip(begins.tolist(), lengths.tolist(), strict=False)), default=0)
