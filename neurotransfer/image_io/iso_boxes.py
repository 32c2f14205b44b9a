"""Walks the boxes of AVIF, HEIC and JPEG 2000 files (ISO/IEC 14496-12, 4.2)."""

from collections.abc import Iterator
from typing import BinaryIO

_MAX_BOXES = 1000
_MAX_PROPERTY = 1000
"""Bytes of a property that are read; those of profiles are longer."""
_MAX_LINKS = 1 << 20
"""Bytes of the box that says which picture has which properties."""


def boxes(file: BinaryIO, begin: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int | None]]:
    """Yield the name of each box between two places, where its content begins, and where it says that it ends.

    ``end`` None: to the end of the file; so for a box. The last box may say that it ends beyond.
    """
    place = begin
    for _ in range(_MAX_BOXES):
        if end is not None and place + 8 > end:
            return
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return
        length, name, inside = int.from_bytes(head[:4]), head[4:8], place + 8
        if length == 1:  # it has 64 bits, which follow
            length, inside = int.from_bytes(head[8:16]), place + 16
        place = max(place + length, inside)
        yield name, inside, place if length else None
        if not length:
            return


def primary_properties(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and contents of the properties of an AVIF or HEIC file's picture (ISO/IEC 23008-12, 9.3).

    A file may hold others, such as its preview or its alpha, which have properties of their own.
    """
    meta = _inside(file, b"meta", 0, None)
    if meta is None:
        return
    outer = meta[0] + 4, meta[1]  # after its version
    primary, properties = _inside(file, b"pitm", *outer), _inside(file, b"iprp", *outer)
    if primary is None or properties is None:
        return
    file.seek(primary[0])
    version, number = int.from_bytes(file.read(4)) >> 24, file.read(4)
    item = int.from_bytes(number if version else number[:2])
    listed, links = _inside(file, b"ipco", *properties), _inside(file, b"ipma", *properties)
    if listed is None or links is None:
        return
    wanted = _properties_of(item, file, links[0])
    for index, (name, begin, end) in enumerate(boxes(file, *listed), start=1):
        if index in wanted:
            file.seek(begin)
            yield name, file.read(_MAX_PROPERTY if end is None else max(0, min(end - begin, _MAX_PROPERTY)))


def _inside(file: BinaryIO, wanted: bytes, begin: int, end: int | None) -> tuple[int, int | None] | None:
    """Return where the content of the first box of a name begins and ends; None: there is none."""
    return next(((inside, after) for name, inside, after in boxes(file, begin, end) if name == wanted), None)


def _properties_of(item: int, file: BinaryIO, begin: int) -> set[int]:
    """Return the numbers of an item's properties, from the box ipma."""
    file.seek(begin)
    data = file.read(_MAX_LINKS)
    if len(data) < 8:
        return set()
    id_bytes, is_wide = 4 if data[0] else 2, data[3] & 1
    place = 8
    for _ in range(int.from_bytes(data[4:8])):
        head = data[place : place + id_bytes + 1]
        if len(head) <= id_bytes:
            break
        width = 2 if is_wide else 1
        place += len(head)
        numbers = data[place : place + width * head[-1]]
        place += width * head[-1]
        if int.from_bytes(head[:-1]) == item:
            mask = 0x7FFF if is_wide else 0x7F
            return {int.from_bytes(numbers[at : at + width]) & mask for at in range(0, len(numbers), width)}
    return set()
