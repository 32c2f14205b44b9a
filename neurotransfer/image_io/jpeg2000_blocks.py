"""Tells what memory a JPEG 2000 file takes, by the claims of its header: a picture of tiny blocks takes a hundredfold.

The specification is ITU-T T.800, annex A; nothing is decompressed.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from neurotransfer.image_io.budget import Budget
from neurotransfer.image_io.iso_boxes import boxes

_BEGIN = b"\xff\x4f\xff\x51"
"""Markers SOC and SIZ, with which the picture begins."""
_HEADER = struct.Struct(">H2xIIIIII8xH")
_CODING, _CODING_OF_CHANNEL, _START_OF_TILE, _START_OF_DATA = 0xFF52, 0xFF53, 0xFF90, 0xFF93

_BYTES_A_PIXEL, _BYTES_A_BLOCK, _BYTES_A_PRECINCT = 16, 400, 400
_BYTES_A_TILE, _BYTES_A_CHANNEL = 5700, 1100
"""Memory that OpenJPEG takes: measured, and rounded up."""
_MAX_SEGMENTS = 200_000


@dataclass(frozen=True)
class _Sizes:
    pixels: int
    tile_pixels: int
    tiles: int
    channels: int


def check_jpeg2000(path: Path, budget: Budget) -> None:
    """Read the header of a JPEG 2000 file.

    Raises:
        InputError: decoding it would take too much memory.
    """
    with path.open("rb") as file:
        place = _find_picture(file)
        if place is None:
            return
        file.seek(place + 4)
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return
        length, right, bottom, left, top, across, down, channels = _HEADER.unpack(header)
        width, height = right - left, bottom - top
        if min(width, height, across, down, channels) < 1:
            return
        sizes = _Sizes(
            width * height,
            min(width, across) * min(height, down),
            -(-width // across) * -(-height // down),
            channels,
        )
        budget.check_size((width, height), "JPEG2000")
        needed = sizes.pixels * _BYTES_A_PIXEL + sizes.tiles * (_BYTES_A_TILE + channels * _BYTES_A_CHANNEL)
        worst = max((_blocks(coding, sizes) for coding in _codings(file, place + 4 + length, channels)), default=0)
        budget.check_bytes(
            needed + worst, "is a JPEG 2000 file of tiny blocks or tiles; save it again with larger ones"
        )


def _find_picture(file: BinaryIO) -> int | None:
    """Return where the picture begins, in a file with or without boxes."""
    if file.read(4) == _BEGIN:
        return 0
    for name, begin, _ in boxes(file):
        if name == b"jp2c":
            file.seek(begin)
            return begin if file.read(4) == _BEGIN else None
    return None


def _codings(file: BinaryIO, place: int, channels: int) -> list[bytes]:
    """Return how channels are coded: style, layers, levels, sides of blocks, 2 others, precincts. Tiles may differ."""
    found, tile_end = [], 0
    for _ in range(_MAX_SEGMENTS):
        file.seek(place)
        head = file.read(4)
        if len(head) < 4:
            break
        marker, length = struct.unpack(">HH", head)
        content = file.read(min(length, 64)) if marker in (_CODING, _CODING_OF_CHANNEL, _START_OF_TILE) else b""
        if marker == _CODING:
            found.append(content[:1] + content[2:4] + content[5:])
        elif marker == _CODING_OF_CHANNEL:
            content = content[1 if channels < 257 else 2 :]
            found.append(content[:1] + b"\0\1" + content[1:])
        elif marker == _START_OF_TILE and len(content) >= 6:
            tile_end = place + int.from_bytes(content[2:6])
        place += 2 + length
        if marker == _START_OF_DATA:
            if tile_end <= place - length:
                break
            place = tile_end
    return [coding for coding in found if len(coding) >= 8]


def _blocks(coding: bytes, sizes: _Sizes) -> int:
    """Return the bytes that blocks and precincts of one tile take if all its channels are coded so."""
    has_precincts, layers = coding[0] & 1, int.from_bytes(coding[1:3])
    levels, across, down = min(coding[3], 32), (coding[4] & 15) + 2, (coding[5] & 15) + 2
    blocks = precincts = most = 0.0
    for level in range(levels + 1):
        sides = coding[8 + level] if has_precincts and len(coding) > 8 + level else 0xFF
        pixels = sizes.tile_pixels / 4 ** (levels - level)
        here = max(1.0, pixels / 2 ** ((sides & 15) + (sides >> 4)))
        inner = 1 if level else 0  # a precinct covers half as much of each of the three bands of a level
        block = max(0, min(across, (sides & 15) - inner)) + max(0, min(down, (sides >> 4) - inner))
        blocks, precincts, most = blocks + pixels / 2**block, precincts + 3 * here, max(most, here)
    packets = (levels + 1) * most * layers
    return int(sizes.channels * (blocks * _BYTES_A_BLOCK + precincts * _BYTES_A_PRECINCT + 2 * packets))
