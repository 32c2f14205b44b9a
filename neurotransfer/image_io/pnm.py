"""Reads PNM pictures: PBM, PGM and PPM, binary and plain, of up to 16 bits. They are described by Netpbm's manual.

Pillow's decoder is written in Python: it takes a second for a megapixel, and keeps 8 bits of a color.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SPACE = rb"(?:\s|#[^\n\r]*[\n\r])+"
_HEADER = re.compile(rb"P(?:([14])|[2356])" + 2 * (_SPACE + rb"(\d{1,9})") + rb"(?(1)|" + _SPACE + rb"(\d{1,5}))\s")

_BLOCK = 1 << 20
"""Bytes of a file that are converted at once, or those of a row; numbers take several times the memory."""


class Header(NamedTuple):
    """What a PNM file says of itself."""

    width: int
    height: int
    channels: int
    """1 or 3."""
    white: int
    """The sample of white, 1 to 65535."""
    is_plain: bool
    """Whether samples are written as text."""
    is_bitmap: bool
    """Whether samples are bits, of which 1 is black."""
    offset: int
    """Where the samples begin."""


def find_header(begin: bytes) -> Header | None:
    """Return the header of a PNM file by its first bytes; None: it is none."""
    found = _HEADER.match(begin)
    if found is None:
        return None
    kind = found[0][1:2]
    white = int(found[4] or 1)
    if not 1 <= white <= 65535:
        return None
    return Header(
        int(found[2]), int(found[3]), 3 if kind in b"36" else 1, white, kind in b"123", kind in b"14", found.end()
    )


def read_pnm(file: BinaryIO, header: Header) -> Image.Image | NDArray[np.uint16]:
    """Return the colors: with 8 bits a picture of mode L or RGB, else (height, width, 1 or 3), white being 65535.

    Raises:
        ValueError: the file is damaged, or ends too early.
    """
    if not header.width * header.height:
        raise ValueError("it has no pixels")
    file.seek(header.offset)
    row = header.width * header.channels
    colors = np.empty((header.height, row), np.uint8 if header.white == 255 else np.uint16)
    place = 0
    for samples in _plain(file, header) if header.is_plain else _binary(file, header):
        part = colors.reshape(-1)[place : place + samples.size]
        part[:] = samples[: part.size] if header.white in (255, 65535) else _scaled(samples[: part.size], header)
        place += samples.size
        if place >= colors.size:
            break
    if place < colors.size:
        raise ValueError("it ends before its pixels do; copy or download it again")
    if colors.dtype == np.uint8:
        mode = "L" if header.channels == 1 else "RGB"
        return Image.frombuffer(mode, (header.width, header.height), colors.reshape(-1), "raw", mode, 0, 1)
    return colors.reshape(header.height, header.width, header.channels)


def _scaled(samples: NDArray[Any], header: Header) -> NDArray[Any]:
    shares = np.minimum(samples, header.white) * (65535.0 / header.white)
    scaled: NDArray[Any] = np.rint(65535.0 - shares if header.is_bitmap else shares)
    return scaled


def _binary(file: BinaryIO, header: Header) -> Iterator[NDArray[Any]]:
    """Yield the samples of some rows after others."""
    row = header.width * header.channels
    row_bytes = -(-row // 8) if header.is_bitmap else row * (2 if header.white > 255 else 1)
    while rows := len(data := file.read(max(1, _BLOCK // row_bytes) * row_bytes)) // row_bytes:
        if header.is_bitmap:
            bits = np.frombuffer(data, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
            yield np.unpackbits(bits, axis=1, count=row).reshape(-1)
        else:
            yield np.frombuffer(data, ">u2" if header.white > 255 else "u1", rows * row)


def _plain(file: BinaryIO, header: Header) -> Iterator[NDArray[Any]]:
    """Yield the samples of some lines after others."""
    rest = b""
    while data := file.read(_BLOCK):
        text = rest + data
        end = len(text) if len(data) < _BLOCK else text.rfind(b"\n") + 1 or text.rfind(b" ") + 1
        text, rest = re.sub(rb"#.*", b"", text[:end]), text[end:]
        if len(rest) > _BLOCK or not re.fullmatch(rb"[\d\s]*", text):
            raise ValueError("its samples are not numbers")
        if header.is_bitmap:  # nothing need stand between bits
            yield np.frombuffer(re.sub(rb"\s+", b"", text), np.uint8) - ord("0")
        else:
            yield np.minimum(np.fromstring(text, np.int64, sep=" "), header.white)
