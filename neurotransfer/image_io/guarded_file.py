"""What lies under a name, and reading it with limited patience: files may be pipes, or headers without an end."""

import io
import os
import stat
from pathlib import Path

from PIL import Image

from neurotransfer.system.errors import InputError

MAX_FILE_BYTES = 700_000_000
"""Bytes of a file: a picture of 100 million pixels of 16 bits has fewer."""

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
"""Honest files ask for a tenth. Decoders go through hostile ones byte by byte, or gather what they find, for hours."""


def check_file(path: Path, max_bytes: int) -> None:
    """Raise `InputError` unless ``path`` is a file of 1 to ``max_bytes`` bytes; opens nothing."""
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise InputError(f"{path} is a link to {path.readlink()}, where there is nothing.") from None
        raise InputError(f"There is no picture {path}; check the name and the folder.") from None
    for is_kind, name in _KINDS:
        if is_kind(found.st_mode):  # opening a pipe would wait for ever, a device may do anything
            raise InputError(f"{path} is a {name}; expected a picture file.")
    if found.st_size == 0:
        raise InputError(f"{path} is empty, 0 bytes; expected a picture file. Copy it again.")
    if found.st_size > max_bytes:
        raise InputError(
            f"{path} has {found.st_size / 1e6:.0f} MB, more than {max_bytes / 1e6:.0f} MB; "
            "if it is a picture, save it smaller, or allow more with --max-pixels."
        )


class LimitedFile(io.BufferedReader):
    """A file that stops answering, with an `InputError`, when more is asked of it than an honest picture needs."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._path = path
        start = self.peek(12)[:12]
        # HEIC, AVIF and WebP are read whole; a TIFF file's tags may hold all layers of a drawing.
        whole = start[4:8] == b"ftyp" or start[:4] in (b"RIFF", b"II*\0", b"MM\0*")
        self._bytes = _MAX_HEADER_BYTES + (path.stat().st_size if whole else 0)
        self._reads = _MAX_HEADER_READS

    def allow_pixels(self, pixels: int) -> None:
        """Give that many pixels their own, larger share of patience."""
        self._bytes, self._reads = _MAX_HEADER_BYTES + _MAX_BYTES_PER_PIXEL * pixels, _MAX_PIXEL_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as files do."""
        data = super().read(size)
        self._reads -= 1
        self._bytes -= len(data)
        if min(self._reads, self._bytes) < 0:
            raise InputError(
                f"{self._path} cannot be read as a picture: it holds far more besides its pixels than pictures do."
            )
        return data


def load(picture: Image.Image) -> None:
    """Decode the pixels of an opened picture.

    libtiff writes its complaints to standard error on its own; what matters is raised, too.
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
