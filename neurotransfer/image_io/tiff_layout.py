"""Reads the tags of a TIFF file: what its samples mean and where they are. Reads no pixels.

The specification is TIFF 6.0. The parsers of Pillow and tifffile are not used, because they convert a list of strips of
any length to Python's integers: tifffile takes 2.4 GB of memory for an untrusted file of 120 MB.
"""

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

MAGIC_NUMBERS = (b"II*\0", b"MM\0*", b"II+\0")
"""The first bytes of a TIFF file, little-endian and big-endian, and of a little-endian BigTIFF file.

Of a big-endian BigTIFF file, Pillow does not read the EXIF.
"""

MAX_PIECES = 40_000
"""Strips or tiles of a picture: each costs up to 0.2 ms, and 160 million pixels in tiles of 64x64 have fewer."""

_MAX_TAGS = 4_000
"""Tags of a page; others are not looked at."""

_TYPES = {1: "u1", 2: "u1", 3: "u2", 4: "u4", 7: "u1", 13: "u4", 16: "u8", 18: "u8"}
"""Number of a tag's type -> NumPy's name; types that do not hold whole numbers are left out."""

_KINDS = {1: "u", 2: "i", 3: "f"}
"""SampleFormat -> NumPy's letter for unsigned, signed and float."""
_GRAY = ("u12", "u16", "i16", "u32", "i32", "f32")
"""Letter and bits of the gray samples that are read."""

_CHANNELS = {"L": 1, "RGB": 3, "CMYK": 4}
_MODES = {0: "L", 1: "L", 2: "RGB", 5: "CMYK"}
"""PhotometricInterpretation -> Pillow's mode."""

COMPRESSIONS = {1, 5, 8, 32773, 32946, 34925, 50000}
"""None, LZW, Deflate, PackBits, Deflate's old number, LZMA, Zstandard: those without loss."""
NO_COMPRESSION, PACKBITS = 1, 32773


class Tags:
    """The tags of a page of a file, the first one or that at ``offset``. Their values are read when they are asked for.

    ``order`` is NumPy's letter for the byte order, ``offset`` the place of the page's tags in the file, ``following``
    that of the next page; 0: there is none.
    """

    def __init__(self, file: BinaryIO, offset: int | None = None) -> None:
        file.seek(0)
        head = file.read(16)
        self._file = file
        self.order: Literal["<", ">"] = "<" if head[:2] == b"II" else ">"
        self.is_big = head[:4] == MAGIC_NUMBERS[2]
        if self.is_big:
            number, count, begin = "u8", "Q", 8
        else:
            number, count, begin = "u4", "H", 4
        place = self.order + ("Q" if self.is_big else "I")
        self.offset: int = struct.unpack_from(place, head, begin)[0] if offset is None else offset
        file.seek(self.offset)
        (entries,) = struct.unpack(self.order + count, file.read(struct.calcsize(self.order + count)))
        entry = np.dtype([("tag", "u2"), ("type", "u2"), ("count", number), ("value", f"V{begin}")])
        data = file.read(entry.itemsize * min(entries, _MAX_TAGS))
        rows = np.frombuffer(data, entry.newbyteorder(self.order), len(data) // entry.itemsize)
        self._entries: dict[int, Any] = {int(row["tag"]): row for row in rows[::-1]}  # of equal tags, the first
        last = file.read(begin)
        self.following: int = struct.unpack(place, last)[0] if len(last) == begin else 0

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> NDArray[np.int64]:
        """Return the whole numbers of a tag, at most `MAX_PIECES`; ``default`` if it is missing."""
        entry = self._entries.get(tag)
        if entry is None or int(entry["type"]) not in _TYPES or not entry["count"]:
            return np.array(default, np.int64)
        dtype = np.dtype(self.order + _TYPES[int(entry["type"])])
        count, data = min(int(entry["count"]), MAX_PIECES), entry["value"].tobytes()
        if int(entry["count"]) * dtype.itemsize > len(data):
            (place,) = struct.unpack(self.order + ("Q" if self.is_big else "I"), data)
            self._file.seek(place)
            data = self._file.read(count * dtype.itemsize)
        return np.frombuffer(data, dtype, min(count, len(data) // dtype.itemsize)).astype(np.int64)

    def number(self, tag: int, default: int) -> int:
        """Return the first number of a tag; ``default`` if it is missing."""
        found = self.numbers(tag)
        return int(found[0]) if len(found) else default


@dataclass(frozen=True)
class Layout:
    """What the samples of a picture mean, and how they are stored in the file."""

    width: int
    height: int
    samples: int
    """Samples of a pixel: the colors, then the alpha, then others, which are ignored."""
    bits: int
    kind: str
    """NumPy's letter: ``u`` unsigned, ``i`` signed, ``f`` float."""
    mode: str
    """Pillow's mode of the colors: L, RGB or CMYK."""
    inverted: bool
    """Whether 0 is white; of gray only."""
    has_alpha: bool
    associated: bool
    """Whether the colors are multiplied by their alpha."""
    planar: bool
    """Whether each channel is stored in a plane of its own."""
    piece: tuple[int, int]
    """Width and height of a strip or tile; the last strip may be lower."""
    tiled: bool
    compression: int
    predictor: int
    """1 none, 2 differences, 3 differences of the bytes of floats."""

    @property
    def channels(self) -> int:
        """Samples of a pixel that are color."""
        return _CHANNELS[self.mode]

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's type of a sample; 12 bits are unpacked to 16."""
        return np.dtype(f"{self.kind}{4 if self.bits == 32 else 2}")


def find_layout(tags: Tags) -> Layout | None:
    """Return the layout of a picture of more than 8 bits a sample; None: it is another, which Pillow may know.

    Raises:
        ValueError: nothing says how light the samples are.
    """
    samples, photometric, compression = tags.number(277, 1), tags.number(262, 0), tags.number(259, 1)
    bits, kinds = ({*tags.numbers(tag, (1,))[: max(samples, 1)].tolist()} for tag in (258, 339))
    if len(bits) != 1 or len(kinds) != 1:
        return None
    (depth,), (kind_number,) = bits, kinds
    kind, mode, extra = _KINDS.get(kind_number, "?"), _MODES.get(photometric), tags.numbers(338).tolist()
    if f"{kind}{depth}" == "i8":
        raise ValueError("its samples are signed numbers of 8 bits, of which nothing says how light they are")
    if mode is None or compression not in COMPRESSIONS or tags.number(266, 1) != 1:  # 266: the order of bits
        return None
    if samples == 1 and mode == "L":
        known = f"{kind}{depth}" in _GRAY
    else:
        gray_and_alpha = photometric == 1 and samples == 2 and extra in ([1], [2])
        known = f"{kind}{depth}" == "u16" and (
            gray_and_alpha or (mode == "RGB" and 3 <= samples <= 8) or (mode == "CMYK" and samples == 4)
        )
    if not known:
        return None
    size = tags.number(256, 0), tags.number(257, 0)
    tiled = 322 in tags
    strip = size[0], min(tags.number(278, size[1]), size[1])
    return Layout(
        *size,
        samples,
        depth,
        kind,
        mode,
        inverted=photometric == 0,
        has_alpha=samples > _CHANNELS[mode] and (extra or [2])[0] in (1, 2),
        associated=extra[:1] == [1],
        planar=samples > 1 and tags.number(284, 1) == 2,
        piece=(tags.number(322, 0), tags.number(323, 0)) if tiled else strip,
        tiled=tiled,
        compression=compression,
        predictor=1 if compression in (NO_COMPRESSION, PACKBITS) else tags.number(317, 1),
    )
