"""The part of the MATLAB 5 file format that the official weights use: numbers, text, cells and structs.

Files are untrusted input: every size that a file claims is compared with the bytes that are there before memory is
allocated for it. Objects, functions and sparse matrices are skipped unread, so no content can run code. Large arrays
are skipped, too: the fully connected layers, 470 MB, are never loaded.
This module knows no networks. The format is described in MathWorks' "MAT-File Format", chapter 1 (level 5).
"""

import io
import math
import struct
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

Value = Any
"""numpy array | str | list (a cell array, or several structs) | dict (one struct) | None (skipped)."""

MAX_BYTES = 800_000_000
"""Bytes read from one file, after decompression; the official one has 580 million."""
MAX_KEPT = 200_000_000
"""Bytes of the arrays that are returned; the convolution part of the official file has 80 million."""
MAX_PARTS = 100_000
"""Matrices, and top-level elements, in one file; the official one has some 3000."""
MAX_DEPTH = 16
"""Of nested cells and structs."""

_HEADER = 128  # bytes
_MATRIX, _COMPRESSED = 14, 15  # kinds of elements
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _CHAR = 1, 2, 4  # classes of matrices
_NUMERIC = range(6, 16)


class MatlabError(Exception):
    """The file is damaged, claims what is not there, or is not of this format.

    The message says why, as a clause without a full stop.
    """


def read_matlab(path: Path, names: Collection[str], max_numbers: int) -> dict[str, Value]:
    """Return the variables of the file that are in ``names``.

    Numeric arrays keep the type in which they are stored, which may be smaller than the one that MATLAB shows.

    Args:
        path: the file.
        names: variables to read; others are skipped.
        max_numbers: arrays of more entries are skipped; their value is None.

    Raises:
        MatlabError: the file cannot be read, with the reason.
        OSError: the file cannot be opened.
    """
    found: dict[str, Value] = {}
    with path.open("rb") as handle:
        order = _byte_order(handle.read(_HEADER))
        size = path.stat().st_size
        budget = _Budget()
        while (start := handle.tell()) < size:
            budget.take(parts=1)  # every element counts: a file may hold only empty elements of unknown kinds
            kind, length = struct.unpack(order + "II", _exactly(handle.read, 8))
            end = start + 8 + length
            if end > size:
                raise MatlabError(f"it is cut off: {end} bytes were expected, {size} found")
            read = handle.read if kind != _COMPRESSED else io.BufferedReader(_Inflating(handle, length), 1 << 16).read
            if kind in (_MATRIX, _COMPRESSED):
                room = length if kind == _MATRIX else MAX_BYTES
                reader = _Reader(read, order, max_numbers, room, budget)
                name, value = reader.variable(names, length if kind == _MATRIX else None)
                if name in names:
                    found[name] = value
            handle.seek(end)
    return found


def _byte_order(header: bytes) -> str:
    mark = header[124:128]
    if mark == b"\x00\x01IM":
        return "<"
    if mark == b"\x01\x00MI":
        return ">"
    if header.startswith(b"MATLAB 7.3") or b"\x89HDF" in header:
        raise MatlabError("it is an HDF5 file, as MATLAB 7.3 writes them")
    raise MatlabError("it has no MATLAB 5 header")


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    data = read(count)
    if len(data) != count:
        raise MatlabError("it ends too early")
    return data


class _Inflating(io.RawIOBase):
    """The content of a zlib stream of ``length`` bytes at the handle's position; inflates no more than is read."""

    def __init__(self, handle: BinaryIO, length: int) -> None:
        self._handle = handle
        self._left = length
        self._stream = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = b""
        while not part and not self._stream.eof:  # bytes after the end of the stream would accumulate inside it
            raw = self._stream.unconsumed_tail or self._handle.read(min(self._left, 1 << 16))
            self._left -= 0 if self._stream.unconsumed_tail else len(raw)
            try:
                part = self._stream.decompress(raw, len(buffer))
            except zlib.error:
                raise MatlabError("its compressed data are damaged") from None
            if not raw:
                break
        buffer[: len(part)] = part
        return len(part)


class _Budget:
    """How many bytes and parts may still be read from one file."""

    def __init__(self) -> None:
        self._bytes, self._kept, self._parts = MAX_BYTES, MAX_KEPT, MAX_PARTS

    def take(self, *, count: int = 0, kept: int = 0, parts: int = 0) -> None:
        self._bytes -= count
        self._kept -= kept
        self._parts -= parts
        if self._bytes < 0:
            raise MatlabError(f"it holds more than {MAX_BYTES // 10**6} MB")
        if self._kept < 0:
            raise MatlabError(f"its arrays hold more than {MAX_KEPT // 10**6} MB")
        if self._parts < 0:
            raise MatlabError(f"it holds more than {MAX_PARTS} parts")


class _Reader:
    """Reads one variable, element by element; ``room``: bytes left in the element that encloses the next one."""

    def __init__(self, read: Callable[[int], bytes], order: str, max_numbers: int, room: int, budget: _Budget) -> None:
        self._read = read
        self._order = order
        self._max_numbers = max_numbers
        self._room = room
        self._budget = budget

    def variable(self, names: Collection[str], length: int | None) -> tuple[str, Value]:
        """Return (name, value); the value is None unless the name is in ``names``."""
        if length is None:  # a compressed matrix has its own tag
            kind, length = struct.unpack(self._order + "II", self._take(8))
            if kind != _MATRIX:
                raise MatlabError("a variable is not a matrix")
        return self._matrix(length, 0, names)

    def _take(self, count: int) -> bytes:
        if count > self._room:
            raise MatlabError("a part claims to be larger than what it is a part of")
        self._budget.take(count=count)
        self._room -= count
        return _exactly(self._read, count)

    def _skip(self, count: int) -> None:
        while count:
            count -= len(self._take(min(count, 1 << 20)))

    def _tag(self) -> tuple[int, int, bytes | None]:
        """Return (kind, length, data); short data are part of the tag, others follow it and come as None."""
        tag = self._take(8)
        kind, length = struct.unpack(self._order + "II", tag)
        if kind < 1 << 16:
            return kind, length, None
        kind, length = kind & 0xFFFF, kind >> 16
        if length > 4:
            raise MatlabError("a short element claims more than four bytes")
        return kind, length, tag[4 : 4 + length]

    def _data(self, max_bytes: int) -> tuple[int, bytes]:
        """Return (kind, data) of an element that may have up to ``max_bytes`` bytes."""
        kind, length, data = self._tag()
        if data is None:
            if length > max_bytes:
                raise MatlabError(f"an element has {length} bytes where at most {max_bytes} make sense")
            data = self._take(length)
            self._skip(min(-length % 8, self._room))
        return kind, data

    def _integers(self, max_count: int) -> list[int]:
        kind, data = self._data(4 * max_count)
        if kind not in (5, 6) or len(data) % 4:
            raise MatlabError("a header is not made of integers")
        return [int(value) for value in np.frombuffer(data, self._order + _NUMBERS[kind])]

    def _text(self, max_bytes: int) -> str:
        kind, data = self._data(max_bytes)
        if kind not in _TEXTS:
            raise MatlabError("a text is not made of characters")
        encoding = _TEXTS[kind]
        if encoding in ("utf-16", "utf-32"):
            encoding += "-le" if self._order == "<" else "-be"
        return data.decode(encoding, errors="replace")

    def _matrix(self, length: int, depth: int, names: Collection[str] | None = None) -> tuple[str, Value]:
        """Return (name, value) of a matrix of ``length`` bytes; its parts cannot exceed it."""
        self._budget.take(parts=1)
        if length == 0:
            return "", np.empty((0, 0))
        if length > self._room:
            raise MatlabError("a part claims to be larger than what it is a part of")
        if depth > MAX_DEPTH:
            raise MatlabError(f"it is nested more than {MAX_DEPTH} deep")
        outside, self._room = self._room - length, length
        name, value = self._content(depth, names)
        self._skip(self._room)  # imaginary parts, and everything that was skipped
        self._room = outside
        return name, value

    def _content(self, depth: int, names: Collection[str] | None) -> tuple[str, Value]:
        flags = self._integers(2)
        if len(flags) != 2:
            raise MatlabError("a matrix has no flags")
        kind = flags[0] & 0xFF
        if kind not in (_CELL, _STRUCT, _CHAR, *_NUMERIC):
            return "", None  # objects, functions and sparse matrices have other headers
        shape = tuple(self._integers(8))
        if len(shape) < 2 or min(shape) < 0:
            raise MatlabError(f"a matrix has the shape {shape}")
        name = self._text(256)
        if names is not None and name not in names:
            return name, None
        if kind in _NUMERIC:
            return name, self._array(shape)
        if kind == _CHAR:
            return name, self._text(1 << 16)
        if kind == _CELL:
            return name, [self._child(depth) for _ in range(self._count(shape))]
        return name, self._structs(shape, depth)

    def _count(self, shape: tuple[int, ...], parts: int = 1) -> int:
        """Return the number of entries; each takes ``parts`` elements (one or more), of 8 bytes (the tag) at least."""
        count = math.prod(shape)
        if count * parts * 8 > self._room:
            raise MatlabError(f"it claims {count} entries where there is room for {self._room // 8 // parts}")
        return count

    def _array(self, shape: tuple[int, ...]) -> Value:
        count = math.prod(shape)
        if count > self._max_numbers:
            return None
        kind, data = self._data(8 * count)
        if kind not in _NUMBERS:
            raise MatlabError("an array is not made of numbers")
        self._budget.take(kept=len(data))
        dtype = np.dtype(self._order + _NUMBERS[kind])
        if len(data) != count * dtype.itemsize:
            raise MatlabError(f"an array of shape {shape} has {len(data)} bytes, expected {count * dtype.itemsize}")
        try:
            return np.frombuffer(data, dtype).reshape(shape, order="F")
        except ValueError:  # an empty array whose other sides multiply to more than NumPy can index
            raise MatlabError(f"an array has the shape {shape}") from None

    def _child(self, depth: int) -> Value:
        kind, length, data = self._tag()
        if kind != _MATRIX or data is not None:
            raise MatlabError("an entry of a cell or struct is not a matrix")
        return self._matrix(length, depth + 1)[1]

    def _structs(self, shape: tuple[int, ...], depth: int) -> Value:
        lengths = self._integers(1)
        if len(lengths) != 1 or not 0 < lengths[0] <= 64:
            raise MatlabError("a struct's field names have no length")
        _, data = self._data(1 << 16)
        starts = range(0, len(data), lengths[0])
        fields = [data[start : start + lengths[0]].partition(b"\0")[0].decode("latin-1") for start in starts]
        if not fields:
            return {}  # the claimed number of entries cannot be checked: they take no bytes
        records = [{field: self._child(depth) for field in fields} for _ in range(self._count(shape, len(fields)))]
        return records[0] if len(records) == 1 else records
