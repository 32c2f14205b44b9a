"""Archives of NumPy arrays that anybody may have made: what they claim is checked before memory is taken for it."""

import io
import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_MAX_DIRECTORY = 1_000_000  # bytes: of some 10,000 members
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of compression: those that NumPy and Keras use."""
_PIECE = 1 << 20  # bytes read at once


class ArchiveError(Exception):
    """The archive claims what is not there, or more than is expected; the message is a clause without a full stop."""


class _Sparing(io.FileIO):
    """A file that refuses large reads as long as ``spared``: a directory may claim to be as large as the file."""

    spared = True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read like other files; raise `ArchiveError` for more than a directory has."""
        if self.spared:
            wanted = size if size is not None and size >= 0 else os.fstat(self.fileno()).st_size - self.tell()
            if wanted > _MAX_DIRECTORY:
                raise ArchiveError(f"its directory claims {wanted} bytes, expected {_MAX_DIRECTORY} at most")
        return super().read(size) or b""


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Yield the zip archive ``path``.

    Raises:
        OSError: the file cannot be opened.
        ArchiveError: its directory is larger than that of honest archives of arrays.
        Exception: whatever `zipfile` raises on damaged files.
    """
    with _Sparing(path) as handle, zipfile.ZipFile(handle) as archive:
        handle.spared = False
        yield archive


class Arrays:
    """The arrays of an open archive, read one by one. Nothing is unpickled.

    With ``stored``, compressed members are refused: then no array is larger than the file.
    """

    def __init__(self, archive: zipfile.ZipFile, *, stored: bool = False) -> None:
        self._archive = archive
        self._methods = METHODS[:1] if stored else METHODS
        self.names = frozenset(name.removesuffix(".npy") for name in archive.namelist())

    def read(self, name: str, max_entries: int) -> NDArray[Any]:
        """Return the array ``name``.

        Raises:
            ArchiveError: it is missing, holds no numbers, claims more than ``max_entries``, or more than is there.
            Exception: whatever `zipfile` and NumPy raise on damaged files.
        """
        if name not in self.names:
            raise ArchiveError(f"{name} is missing")
        member = self._archive.getinfo(f"{name}.npy")
        if member.compress_type not in self._methods:
            raise ArchiveError(f"{name} is compressed in a way that is not expected")
        with self._archive.open(member) as handle:
            if npy.read_magic(handle) != (1, 0):  # headers of later versions may claim gigabytes
                raise ArchiveError(f"{name} is not an array of version 1.0")
            shape, fortran, dtype = npy.read_array_header_1_0(handle)
            count = math.prod(shape)
            if dtype.kind not in "fiu":
                raise ArchiveError(f"{name} does not hold numbers")
            if not 0 <= count <= max_entries or min(shape, default=0) < 0:
                raise ArchiveError(f"{name} claims {_number(count)} entries, expected {max_entries} at most")
            array = np.empty(count, dtype)
            if _fill(array.view(np.uint8), handle) != array.nbytes or handle.read(1):
                raise ArchiveError(f"{name} does not have the {array.nbytes} bytes that it claims")
            return array.reshape(shape, order="F" if fortran else "C")


def _fill(view: NDArray[np.uint8], handle: IO[bytes]) -> int:
    """Fill ``view`` from the handle; return how many bytes there were."""
    place = 0
    while place < len(view) and (piece := handle.read(min(_PIECE, len(view) - place))):
        view[place : place + len(piece)] = np.frombuffer(piece, np.uint8)
        place += len(piece)
    return place


def _number(count: int) -> str:
    return str(count) if abs(count) < 10**18 else "endless"
