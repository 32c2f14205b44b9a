"""Walks the markers of a JPEG file: what decoding takes in time and memory, and whether the file is whole.

A JPEG file may hold its picture in many scans, each a pass over all pixels, although a scan without data has ten bytes.
The specification is ITU-T T.81; nothing is decompressed.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from neurotransfer.image_io.budget import Budget
from neurotransfer.image_io.tiff_layout import Tags

_MARKER = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")
"""A marker other than those that stand inside the data of a scan."""
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, 0xD8}

_COMPRESSION, _JPEG_COMPRESSIONS, _PLACES = 259, (6, 7), ((324, 273), (325, 279))
"""TIFF's tag, its values for JPEG, and the tags for places and lengths of tiles and strips."""

_SECONDS_A_BLOCK = 60e-9
"""What a scan takes for a block of 8x8 samples at most: Huffman codes 40 ns, arithmetic codes 60 ns."""
_MAX_SEGMENTS = 100_000
"""Segments of a file that are looked at: each takes some microseconds."""
_FIRST_READ, _LARGEST_READ = 1 << 12, 1 << 20


@dataclass
class Scans:
    """What the scans of a JPEG file hold."""

    size: tuple[int, int] = (0, 0)
    """Width and height."""
    blocks: dict[int, int] = field(default_factory=dict)
    """Number of each component -> its blocks of 8x8 samples."""
    row: int = 8
    """Height of a row of units in pixels: 8 for each block that lies in it."""
    visited: int = 0
    """Blocks of all scans together."""
    several: bool = False
    """Whether there is more than one scan, so that all coefficients are kept until the last."""
    missing: dict[tuple[int, int], int] = field(default_factory=dict)
    """(component, coefficient) -> how many of its lowest bits no scan holds. Where no scan has any, 16."""
    ends: bool = False
    """Whether the mark of the end is there."""

    @property
    def is_complete(self) -> bool:
        """Whether there are scans for all bits of the picture; the last one may be cut."""
        return bool(self.missing) and not any(self.missing.values())


def check_jpeg(path: Path, budget: Budget) -> Scans:
    """Walk through a JPEG file.

    Raises:
        InputError: decoding it would take too much time or memory.
    """
    with path.open("rb") as file:
        scans = _walk(file, 0, None, budget)
    if scans.several:
        coefficients = 128 * sum(scans.blocks.values())
        pixels = scans.size[0] * scans.size[1] * (1 if len(scans.blocks) == 1 else 4)
        budget.check_bytes(coefficients + pixels, "is a progressive JPEG file; save it again as another")
    return scans


def check_jpeg_in_tiff(path: Path, tags: Tags, budget: Budget) -> None:
    """Walk through the strips or tiles of a TIFF file, if they are JPEG files.

    Raises:
        InputError: decoding them would take too much time.
    """
    if tags.number(_COMPRESSION, 1) not in _JPEG_COMPRESSIONS:
        return
    begins, lengths = (tags.numbers(tile if tile in tags else strip).tolist() for tile, strip in _PLACES)
    visited = 0
    with path.open("rb") as file:
        for begin, length in zip(begins, lengths, strict=False):
            visited += _walk(file, begin, begin + length, budget, visited).visited


def _walk(file: BinaryIO, begin: int, end: int | None, budget: Budget, visited: int = 0) -> Scans:
    """Return what the scans of a JPEG file hold that lies between two places of a file; None: to its end.

    ``visited`` is the blocks of those before it.
    """
    scans = Scans()
    for number, (marker, content) in enumerate(_segments(file, begin, end)):
        if marker in _START_OF_FRAME and not scans.blocks and len(content) >= 6:
            _read_frame(scans, content)
            budget.check_size(scans.size, "JPEG")
        elif marker == _START_OF_SCAN and content:
            _read_scan(scans, content)
            seconds = (visited + scans.visited) * _SECONDS_A_BLOCK
            budget.check_seconds(seconds, "holds more scans than pictures do")
        elif marker == _END:
            scans.ends = True
        if number > _MAX_SEGMENTS:
            budget.check_seconds(math.inf, "holds far more besides its pixels than pictures do")
    return scans


def _segments(file: BinaryIO, begin: int, end: int | None) -> Iterator[tuple[int, bytes]]:
    """Yield the marker and the content of each segment, to the end of the picture, or to a place in the file."""
    place = begin + 2
    while (end is None or place < end) and (found := _next_marker(file, place)):
        marker, place = found
        content = b""
        if marker not in _WITHOUT_LENGTH and marker != _END:
            file.seek(place)
            length = int.from_bytes(file.read(2))
            content, place = file.read(max(0, min(length, 1000) - 2)), place + max(length, 2)
        yield marker, content
        if marker == _END:
            return


def _next_marker(file: BinaryIO, place: int) -> tuple[int, int] | None:
    """Return the next marker from ``place`` on, and the place after it; None: there is none."""
    size, rest = _FIRST_READ, b""
    file.seek(place)
    while block := file.read(size):
        data = rest + block
        if found := _MARKER.search(data):
            return data[found.start() + 1], place + found.end()
        place, rest, size = place + len(data) - 1, data[-1:], min(4 * size, _LARGEST_READ)
    return None


def _read_frame(scans: Scans, content: bytes) -> None:
    height, width, count = int.from_bytes(content[1:3]), int.from_bytes(content[3:5]), content[5]
    factors = {part[0]: (part[1] >> 4, part[1] & 15) for part in _triples(content[6:], count)}
    across, down = (max((pair[axis] for pair in factors.values()), default=1) or 1 for axis in (0, 1))
    scans.size, scans.row = (width, height), 8 * down
    scans.blocks = {
        name: math.ceil(width * pair[0] / (8 * across)) * math.ceil(height * pair[1] / (8 * down))
        for name, pair in factors.items()
    }
    scans.missing = {(name, number): 16 for name in factors for number in range(64)}


def _triples(content: bytes, count: int) -> list[bytes]:
    return [content[at : at + 3] for at in range(0, 3 * count, 3) if len(content) >= at + 3]


def _read_scan(scans: Scans, content: bytes) -> None:
    names = content[1 : 1 + 2 * content[0] : 2]
    scans.several = scans.several or scans.visited > 0 or len(names) < len(scans.blocks)
    scans.visited += sum(scans.blocks.get(name, 0) for name in names)
    first, last, bits = content.ljust(4, b"\0")[-3:]
    for name in names:
        scans.missing.update({(name, number): bits & 15 for number in range(first, min(last, 63) + 1)})
