"""Walks the boxes of AVIF, HEIC and JPEG 2000 files (ISO/IEC 14496-12, 4.2)."""

from collections.abc import Iterator
from typing import BinaryIO

_MAX_BOXES = 1000


def boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int | None]]:
    """Yield the name of each outer box, where its content begins, and where it says that it ends; None: with the file.

    The last box may say that it ends beyond the file.
    """
    place = 0
    for _ in range(_MAX_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return
        length, name, begin = int.from_bytes(head[:4]), head[4:8], place + 8
        if length == 1:  # it has 64 bits, which follow
            length, begin = int.from_bytes(head[8:16]), place + 16
        place = max(place + length, begin)
        yield name, begin, place if length else None
        if not length:
            return
