"""TIFF files for the tests that no library here writes: packed by LZW, of 12 bits, or hostile."""

import struct

import numpy as np


def tiff_file(tags, pieces, order="<"):
    """Return the bytes of a TIFF file with ``tags`` (number -> numbers) and ``pieces``, its packed strips or tiles.

    The pieces stand last.
    """
    places, counts = (324, 325) if 322 in tags else (273, 279)
    lengths = [len(piece) for piece in pieces]
    given, tags = tags, {places: lengths, counts: lengths} | tags
    numbers = {tag: np.atleast_1d(tags[tag]).astype(f"{order}u4") for tag in sorted(tags)}
    begin = 8 + 2 + 12 * len(numbers) + 4
    end = begin + sum(4 * len(found) for found in numbers.values() if len(found) > 1)
    if places not in given:
        numbers[places] = (end + np.cumsum([0, *lengths])[:-1]).astype(f"{order}u4")
    entries, lists = b"", b""
    for tag, found in numbers.items():
        data = found.tobytes()
        entries += struct.pack(f"{order}HHI", tag, 4, len(found))
        entries += data if len(data) == 4 else struct.pack(f"{order}I", begin + len(lists))
        lists += b"" if len(data) == 4 else data
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(numbers))
    return head + entries + bytes(4) + lists + b"".join(pieces)


def lzw(data):
    """Pack bytes as TIFF's LZW: a code of 9 bits for each byte, and a clear code before codes would have to grow."""
    codes = [code for begin in range(0, len(data), 200) for code in (256, *data[begin : begin + 200])] + [257]
    bits = "".join(f"{code:09b}" for code in codes)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))


def lzw_file(planes, extra=(), order="<"):
    """Return a TIFF file of RGB planes (samples, height, width) of 16 bits, each a strip packed by LZW."""
    samples, height, width = planes.shape
    tags = {256: width, 257: height, 258: [16] * samples, 259: 5, 262: 2, 277: samples, 278: height, 284: 2}
    tags |= {338: extra} if extra else {}
    return tiff_file(tags, [lzw(plane.astype(f"{order}u2").tobytes()) for plane in planes], order)
