"""Reads the samples of a TIFF file from its strips or tiles.

libtiff, which is part of Pillow, decompresses a strip as bytes, and NumPy makes samples of the bytes. Thus all bits are
kept whatever the compression, and the size of the picture bounds the memory, not a tag.
"""

import io
import struct
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurotransfer.image_io.guarded_file import load
from neurotransfer.image_io.tiff_layout import MAX_PIECES, NO_COMPRESSION, Layout, Tags

_MAX_BYTES = 1_250_000_000
"""Bytes that the picture and one of its strips or tiles may take together while it is decompressed."""

_ROWS = 256
"""Rows that are converted at once; a copy of a whole large picture would take too much memory."""


def read_samples(
    file: BinaryIO, tags: Tags, layout: Layout, *, high_bytes: bool = False
) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """Return the colors (height, width, channels), and the alpha (height, width) with 255 opaque, or None.

    ``high_bytes``: of 16 bits, only the upper 8 are kept, as uint8.

    Raises:
        ValueError: the file is damaged, or its strips or tiles would take too much memory or time.
        OSError: libtiff cannot decompress it.
    """
    colors = np.empty((layout.height, layout.width, layout.channels), np.uint8 if high_bytes else layout.dtype)
    alpha = np.empty(colors.shape[:2], np.uint8) if layout.has_alpha else None
    taken = colors.nbytes + (0 if alpha is None else alpha.nbytes)
    for top, left, first, part in _parts(file, tags, layout, taken):
        part = part[: layout.height - top, : layout.width - left]
        place = np.s_[top : top + part.shape[0], left : left + part.shape[1]]
        for number, channel in enumerate(np.moveaxis(part, -1, 0), start=first):
            if number < layout.channels:
                colors[*place, number] = channel >> 8 if high_bytes else channel
            elif alpha is not None and number == layout.channels:
                alpha[place] = channel >> 8
    return colors, alpha


def _parts(file: BinaryIO, tags: Tags, layout: Layout, taken: int) -> Iterator[tuple[int, int, int, NDArray[Any]]]:
    """Yield the parts of a picture: top, left, number of the first channel, and samples (rows, columns, channels).

    A part is at most `_ROWS` of a strip or tile. ``taken`` is the bytes that the whole picture takes.
    """
    width, height = layout.piece
    if min(width, height, layout.width, layout.height) < 1:
        raise ValueError("its pieces have no pixels")
    planes = layout.samples if layout.planar else 1
    across, down = -(-layout.width // width), -(-layout.height // height)
    pieces = across * down * planes
    if pieces > MAX_PIECES:
        raise ValueError(f"it is cut into more than {MAX_PIECES:,} pieces")
    offsets, counts = (tags.numbers(tag).tolist() for tag in ((324, 325) if layout.tiled else (273, 279)))
    if len(offsets) < pieces or (layout.compression != NO_COMPRESSION and len(counts) < pieces):
        raise ValueError("it does not say where all of its pixels are")
    row_bytes = -(-width * (layout.samples // planes) * layout.bits // 8)
    for piece in range(pieces):
        plane, place = divmod(piece, across * down)
        top, left = place // across * height, place % across * width
        rows = height if layout.tiled else min(height, layout.height - top)
        if layout.compression == NO_COMPRESSION:
            size, read = min(rows, _ROWS) * row_bytes, _plain_reader(file, offsets[piece], row_bytes)
        else:
            size = rows * row_bytes + 2 * counts[piece]
            read = _unpacking_reader(file, offsets[piece], counts[piece], (row_bytes, rows), layout.compression)
        if taken + size > _MAX_BYTES:
            raise ValueError("its strips are too large to be unpacked at once; save it again, as PNG")
        for begin in range(0, min(rows, layout.height - top), _ROWS):
            end = min(begin + _ROWS, rows)
            yield top + begin, left, plane, _samples(read(begin, end), (end - begin, row_bytes), tags, layout)


Reader = Callable[[int, int], bytes]
"""A function that returns the bytes of some rows of a strip or tile: ``begin`` to before ``end``."""


def _plain_reader(file: BinaryIO, offset: int, row_bytes: int) -> Reader:
    def read(begin: int, end: int) -> bytes:
        file.seek(offset + begin * row_bytes)
        return file.read((end - begin) * row_bytes)

    return read


def _unpacking_reader(file: BinaryIO, offset: int, count: int, size: tuple[int, int], compression: int) -> Reader:
    """Let libtiff decompress a strip or tile: it becomes the only strip of an 8-bit gray TIFF file in memory.

    ``size`` is the bytes of a row, and the rows. It is decompressed when its first rows are asked for.
    """

    @cache
    def unpacked() -> Image.Image:
        file.seek(offset)
        packed = file.read(count)
        # Width, height, bits, compression, 1 is white, place, samples, rows of a strip, bytes of the strip.
        tags = {256: size[0], 257: size[1], 258: 8, 259: compression, 262: 1, 273: 0, 277: 1, 278: size[1], 279: count}
        tags[273] = 8 + 2 + 12 * len(tags) + 4
        header = b"II*\0" + struct.pack("<IH", 8, len(tags))
        header += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()) + bytes(4)
        with Image.open(io.BytesIO(header + packed), formats=["TIFF"]) as picture:
            load(picture)
            return picture

    return lambda begin, end: unpacked().crop((0, begin, size[0], end)).tobytes()


def _samples(data: bytes, size: tuple[int, int], tags: Tags, layout: Layout) -> NDArray[Any]:
    """Return the samples (rows, columns, samples) that ``data`` holds; ``size`` is rows and the bytes of one."""
    rows, row_bytes = size
    if len(data) < rows * row_bytes:
        raise ValueError("it ends before its pixels do")
    columns, samples = layout.piece[0], 1 if layout.planar else layout.samples
    if layout.bits == 12:
        return _from_12_bits(np.frombuffer(data, np.uint8).reshape(rows, row_bytes), columns)
    if layout.predictor == 3 and layout.kind == "f":
        return _from_float_differences(np.frombuffer(data, np.uint8).reshape(rows, row_bytes))
    part = np.frombuffer(data, layout.dtype.newbyteorder(tags.order)).reshape(rows, columns, samples)
    if layout.predictor == 1:
        return part
    if layout.predictor != 2:
        raise ValueError(f"nobody knows its predictor {layout.predictor}")
    differences = part.astype(layout.dtype).view(f"u{layout.dtype.itemsize}")
    return np.cumsum(differences, axis=1, dtype=differences.dtype).view(layout.dtype)


def _from_12_bits(data: NDArray[np.uint8], columns: int) -> NDArray[np.uint16]:
    """Unpack rows of two samples in three bytes; a last sample alone takes two."""
    data = np.pad(data, ((0, 0), (0, -data.shape[1] % 3))).reshape(len(data), -1, 3).astype(np.uint16)
    pairs = np.stack([data[..., 0] << 4 | data[..., 1] >> 4, (data[..., 1] & 15) << 8 | data[..., 2]], axis=-1)
    return pairs.reshape(len(data), -1, 1)[:, :columns]


def _from_float_differences(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Undo the predictor of floats: first all highest bytes of a row, then all second ones, each less the one before.

    See Adobe Photoshop TIFF Technical Note 3.
    """
    planes = np.cumsum(data, axis=1, dtype=np.uint8).reshape(len(data), 4, -1)
    return np.ascontiguousarray(np.moveaxis(planes, 1, -1)).view(">f4").astype(np.float32)
