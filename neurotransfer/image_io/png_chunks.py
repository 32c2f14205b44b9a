"""Walks the chunks of a PNG file: how much its texts and profiles unpack to, and whether it is whole.

Nothing but texts and profiles is decompressed, and no more of these than a picture may hold.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from neurotransfer.image_io.budget import Budget
from neurotransfer.system.errors import InputError

MAX_UNPACKED = 32_000_000
"""Bytes that all texts and profiles of a file may unpack to. Profiles of printers have some MB."""
_PACKED = (b"iCCP", b"zTXt", b"iTXt")
_SECONDS_A_CHUNK = 7e-6
"""What a chunk without content takes here and in Pillow."""


def check_png(path: Path, budget: Budget) -> None:
    """Walk through a PNG file.

    Raises:
        InputError: its texts and profiles unpack to too much, or it is cut into too many chunks.
    """
    left = MAX_UNPACKED
    with path.open("rb") as file:
        for number, (name, place, length) in enumerate(png_chunks(file)):
            budget.check_seconds(number * _SECONDS_A_CHUNK, "is cut into more chunks than pictures are")
            if name not in _PACKED:
                continue
            file.seek(place)
            left -= _unpacked(name, file.read(min(length, MAX_UNPACKED)), left)
            if left < 0:
                raise InputError(
                    f"{path} holds texts or color profiles that unpack to more than {MAX_UNPACKED / 1e6:.0f} MB; "
                    "save it again without them."
                )


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk, and where its content begins and how long it is, up to the last chunk."""
    place, name = 8, b""
    while name != b"IEND":
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        name, length = head[4:], int.from_bytes(head[:4])
        yield name, place + 8, length
        place += 12 + length


def _unpacked(name: bytes, content: bytes, most: int) -> int:
    """Return how many bytes a text or profile unpacks to; beyond ``most`` it is not unpacked further."""
    begin = content.find(b"\0") + 2
    if name == b"iTXt":
        if content[begin - 1 : begin] != b"\1":  # it is not packed
            return 0
        # The method, the language and the translated name of the text stand before it.
        begin = content.find(b"\0", content.find(b"\0", begin + 1) + 1) + 1
    try:
        return len(zlib.decompressobj().decompress(content[begin:], most + 1))
    except zlib.error:  # Pillow leaves it out, too
        return 0
