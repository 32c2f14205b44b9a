"""The full-precision weights in the user's cache folder: the convolution part only, 80 MB, and a record beside it.

Knows where they are, where they came from and whether runs use them; not how weights are fetched or read.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.files import TEMPORARY_NAME, atomic_file, sha256_of
from neurotransfer.system.lock import NAME as LOCK
from neurotransfer.system.lock import FolderLock
from neurotransfer.vgg.formats.npz import write_npz
from neurotransfer.vgg.kernels import Kernels

ARCHIVE = "vgg19-full.npz"
RECORD = "vgg19-full.json"
_OURS = re.compile(
    "|".join(
        [
            re.escape(ARCHIVE),
            re.escape(RECORD),
            re.escape(LOCK),
            r"[0-9a-f]{16}\.(part|download)",
            TEMPORARY_NAME.pattern,
        ]
    )
)
"""Names of files that we write."""


@dataclass(frozen=True)
class Record:
    """Where the installed weights came from."""

    source: str
    """Name or address of the file."""
    layout: str
    source_sha256: str
    sha256: str
    """Of the archive that is kept."""
    used: bool
    """Whether runs use them without being told."""

    @property
    def path(self) -> Path:
        """The archive."""
        return folder() / ARCHIVE


def folder() -> Path:
    """Return the folder for weights inside the user's cache folder; it need not exist."""
    from platformdirs import user_cache_path  # only those who look for weights pay for it

    return user_cache_path("neurotransfer", appauthor=False) / "weights"


def record() -> Record | None:
    """Return what is installed; None: nothing.

    Raises:
        InputError: the record is damaged.
    """
    path = folder() / RECORD
    try:
        found = Record(**json.loads(path.read_text(encoding="utf-8")))
        *texts, used = asdict(found).values()
        if not (all(isinstance(text, str) for text in texts) and isinstance(used, bool)):
            raise TypeError
    except OSError:  # there is none, another user's folder, or no home at all: nothing of ours
        return None
    except (ValueError, TypeError, RecursionError):
        raise InputError(
            f"{path} is damaged; run 'neurotransfer weights remove', or give '--weights builtin'."
        ) from None
    return found


def used_by_runs() -> bool:
    """Return whether runs use the full weights without being told."""
    found = record()
    return found is not None and found.used


def required() -> Record:
    """Return what is installed.

    Raises:
        InputError: nothing is, or the archive is gone.
    """
    found = record()
    if found is None:
        raise InputError(
            f"The full weights were expected in {folder()}, found nothing; run 'neurotransfer weights fetch' or "
            "'neurotransfer weights import FILE', or use 'builtin'."
        )
    if not found.path.is_file():
        raise InputError(
            f"{found.path} is gone, though its record is there; run 'neurotransfer weights remove' and fetch or import "
            "the full weights again, or give '--weights builtin'."
        )
    return found


def keep(
    kernels: Kernels, mean_pixel: tuple[float, float, float], source: str, layout: str, source_sha256: str
) -> Record:
    """Write the archive and its record into `folder_to_fill`; runs go on with what they used before.

    Raises:
        NeurotransferError: they cannot be written.
    """
    path = folder() / ARCHIVE
    arrays = {
        f"{name}.{part}": array
        for name, pair in kernels.items()
        for part, array in zip(("kernel", "bias"), pair, strict=True)
    }
    write_npz(path, {**arrays, "mean_pixel": np.array(mean_pixel)})
    return _write(Record(source, layout, source_sha256, sha256_of(path), used=False))


@contextmanager
def folder_to_fill() -> Iterator[Path]:
    """Yield `folder`, made if need be, to this process alone: two downloads into the same file would spoil it.

    Raises:
        InputError: full weights are installed, which are not replaced unasked, or another process fills the folder.
        NeurotransferError: it cannot be made.
    """
    path = folder()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NeurotransferError(f"{path} is no folder, or a link to nowhere; remove it.") from None
    except OSError as error:
        raise NeurotransferError(f"The folder {path} cannot be made: {error.strerror or error}.") from None
    lock = FolderLock(path)
    try:
        found = record()
        if found is not None:
            raise InputError(
                f"Full weights from {found.source} are installed already; run 'neurotransfer weights remove' first."
            )
        yield path
    finally:
        lock.release()
        with suppress(OSError):  # it holds something, which is the rule
            path.rmdir()


def use(full: bool) -> None:
    """Let runs use the full weights, or the built-in ones.

    Raises:
        InputError: there are no full ones.
    """
    found = required() if full else record()
    if found is not None:
        _write(Record(**{**asdict(found), "used": full}))


def remove() -> int:
    """Delete the full weights and what an interrupted download left; return the bytes that they took.

    Raises:
        NeurotransferError: they cannot be deleted.
    """
    path = folder()
    if not path.is_dir():
        return 0
    size = 0
    try:
        for file in path.iterdir():
            if _OURS.fullmatch(file.name):
                size += file.lstat().st_size
                file.unlink()
    except OSError as error:
        raise NeurotransferError(f"{error.filename or path} cannot be removed: {error.strerror or error}.") from None
    with suppress(OSError):  # it is a link, or holds something else
        path.rmdir()
    return size


def _write(found: Record) -> Record:
    with atomic_file(folder() / RECORD) as temporary:
        temporary.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
    return found
