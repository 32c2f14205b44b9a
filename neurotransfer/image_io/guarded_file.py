"""Opening untrusted files: what kind a file is, how large, and limits on how much of it a decoder may read."""

import io
import os
import stat
from pathlib import Path

from PIL import Image, ImageFile

from neurotransfer.system.errors import InputError

MAX_FILE_BYTES = 700_000_000
"""Bytes of a picture file. A picture of 100 million pixels of 16 bits has fewer."""

_KINDS = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "named pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)

_MAX_HEADER_READS = 20_000
_MAX_HEADER_BYTES = 20_000_000
_MAX_PIXEL_READS = 2_000_000
_MAX_BYTES_PER_PIXEL = 16
"""Limits on reads and bytes. Decoders of real files need a tenth of them.

In untrusted files, decoders read byte by byte, or collect data without an end, for hours.
"""


def check_file(path: Path, max_bytes: int) -> None:
    """Raise `InputError` unless ``path`` is a regular file of 1 to ``max_bytes`` bytes. The file is not opened."""
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise InputError(f"{path} is a link to {path.readlink()}, where there is nothing.") from None
        raise InputError(f"There is no picture {path}; check the name and the folder.") from None
    for is_kind, name in _KINDS:
        if is_kind(found.st_mode):  # opening a pipe may block for ever, opening a device may do anything
            raise InputError(f"{path} is a {name}; expected a picture file.")
    if found.st_size == 0:
        raise InputError(f"{path} is empty, 0 bytes; expected a picture file. Copy it again.")
    if found.st_size > max_bytes:
        raise InputError(
            f"{path} has {found.st_size / 1e6:.0f} MB, more than {max_bytes / 1e6:.0f} MB; "
            "if it is a picture, save it smaller, or allow more with --max-pixels."
        )


class LimitedFile(io.BufferedReader):
    """A file opened for reading that raises `InputError` when a decoder reads more than a real picture needs.

    Until `allow_pixels` is called, the limits are those of a header.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._path = path
        start = self.peek(12)[:12]
        # Pillow reads HEIC, AVIF and WebP files whole; the tags of a TIFF file may hold all layers of a drawing.
        whole = start[4:8] == b"ftyp" or start[:4] in (b"RIFF", b"II*\0", b"MM\0*")
        self._bytes = _MAX_HEADER_BYTES + (path.stat().st_size if whole else 0)
        self._reads = _MAX_HEADER_READS
        self._ending = b""

    def allow_pixels(self, pixels: int) -> None:
        """Set the limits to what decoding that many pixels needs."""
        self._bytes, self._reads = _MAX_HEADER_BYTES + _MAX_BYTES_PER_PIXEL * pixels, _MAX_PIXEL_READS

    def end_with(self, ending: bytes) -> None:
        """Let ``ending`` follow the last bytes of the file, once."""
        self._ending = ending

    def read(self, size: int | None = -1, /) -> bytes:
        """Read like other files.

        Raises:
            InputError: a limit is exceeded.
        """
        data = super().read(size)
        if not data and size:
            data, self._ending = self._ending, b""
        self._reads -= 1
        self._bytes -= len(data)
        if min(self._reads, self._bytes) < 0:
            raise InputError(
                f"{self._path} cannot be read as a picture: it holds far more besides its pixels than pictures do."
            )
        return data


def open_image(file: LimitedFile, formats: list[str]) -> ImageFile.ImageFile:
    """Let Pillow read the header of a file in one of these formats.

    What stands in the header of a PNG file besides the size may have wrong checksums: viewers show such files. The
    caller holds the lock on the settings of the whole process.
    """
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
    try:
        opened = Image.open(file, formats=formats)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
    assert isinstance(opened, ImageFile.ImageFile)
    return opened


def load(picture: Image.Image) -> None:
    """Decode the pixels of an opened picture.

    libtiff prints warnings to standard error. What it prints is discarded; errors are raised as well.
    """
    if picture.format != "TIFF":
        picture.load()
        return
    with Path(os.devnull).open("wb") as nothing:
        kept = os.dup(2)
        try:
            os.dup2(nothing.fileno(), 2)
            picture.load()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
