"""Whether the first page of a TIFF file, which is painted, is the picture: not a raw photo, nor a preview of another.

Raw photos of most cameras are TIFF files whose first page is a small preview. Reads tags, no pixels.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from neurotransfer.image_io.kinds import DEVELOP, refusal
from neurotransfer.image_io.tiff_layout import Tags

_KIND, _OLD_KIND, _WIDTH, _HEIGHT, _MEANING, _PARTS, _DNG_VERSION = 254, 255, 256, 257, 262, 330, 50706
"""Tags: NewSubfileType, SubfileType, ImageWidth, ImageLength, PhotometricInterpretation, SubIFDs, DNGVersion."""
_RAW_MEANINGS = (32803, 34892)
"""What the samples of raw photos mean: a filter for one color at each pixel, or light as the sensor measured it."""

_MAX_PAGES = 200
"""Pages that are looked at, with their parts: each takes up to 4 ms."""


def check_first_page(path: Path, file: BinaryIO, first: Tags) -> None:
    """Raise `InputError` if the picture of a TIFF file is not its first page, or is a raw photo.

    Raises:
        struct.error: the file is damaged.
    """
    pages = list(islice(_pages(file, first), _MAX_PAGES))
    if any(_is_raw(page) for page in pages):
        raise refusal(path, "a raw photo inside a TIFF file (DNG, NEF, ARW or the like)", DEVELOP)
    width, height = _size(first)
    # Smaller copies may follow the picture, and others of any size may follow a page; but a part of a page is smaller.
    is_copy = bool(first.number(_KIND, 0) & 1) or first.number(_OLD_KIND, 1) == 2
    rivals = [_size(page) for page in (pages if is_copy else _parts(file, first))]
    largest = max(rivals, default=(0, 0), key=lambda size: size[0] * size[1])
    if largest[0] * largest[1] > width * height:
        raise refusal(
            path,
            f"a TIFF file that begins with a preview ({width}x{height}) of its picture ({largest[0]}x{largest[1]})",
            "save that picture alone, as TIFF or PNG",
        )


def _pages(file: BinaryIO, first: Tags) -> Iterator[Tags]:
    """Yield the pages of a file, each with its parts."""
    page: Tags | None = first
    seen = set()
    while page is not None and page.offset not in seen:
        seen.add(page.offset)
        yield page
        yield from _parts(file, page)
        page = _page_at(file, page.following) if page.following else None


def _parts(file: BinaryIO, page: Tags) -> Iterator[Tags]:
    """Yield the pages that a page names as its parts."""
    offsets = page.numbers(_PARTS)[:_MAX_PAGES].tolist()
    yield from (part for offset in offsets if (part := _page_at(file, offset)) is not None)


def _page_at(file: BinaryIO, offset: int) -> Tags | None:
    """Return the tags of another page; None: they are damaged, which does not matter to the first one."""
    try:
        return Tags(file, offset)
    except (struct.error, OSError, ValueError, OverflowError):
        return None


def _is_raw(page: Tags) -> bool:
    return _DNG_VERSION in page or page.number(_MEANING, 0) in _RAW_MEANINGS


def _size(page: Tags) -> tuple[int, int]:
    return page.number(_WIDTH, 0), page.number(_HEIGHT, 0)
