"""The full-precision weights in the user's cache folder: the convolution part, 80 MB, described by a JSON file.

This module knows where the weights are, where they came from and whether runs use them; not how they are downloaded or
read.
"""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.files import TEMPORARY_NAME, atomic_file, is_plain_file, sha256_of
from neurotransfer.system.lock import NAME as LOCK
from neurotransfer.system.lock import FolderLock
from neurotransfer.vgg.formats.npz import write_npz
from neurotransfer.vgg.kernels import Kernels

logger = logging.getLogger(__name__)

_ARCHIVE = "vgg19-full.npz"
_ENTRY = "vgg19-full.json"
_OURS = re.compile(
    "|".join(
        [
            re.escape(_ARCHIVE),
            re.escape(_ENTRY),
            re.escape(LOCK),
            r"[0-9a-f]{16}\.(part|download)",
            TEMPORARY_NAME.pattern,
        ]
    )
)
"""Names of the files that this program writes into the folder."""
_EMPTY = re.compile(r"tmp[a-z0-9_]{8}")
"""Names of the empty files that downloads with pooch leave there when they are killed."""


@dataclass(frozen=True)
class CacheEntry:
    """What is installed: where it came from, and whether runs use it."""

    source: str
    """Name or address of the file."""
    layout: str
    source_sha256: str
    sha256: str
    """Of the archive that is kept."""
    used: bool
    """Whether runs use the weights unless --weights says otherwise."""

    @property
    def path(self) -> Path:
        """The archive."""
        return _required_folder() / _ARCHIVE


def folder() -> Path | None:
    """Return the folder for weights inside the user's cache folder; it need not exist. None: there is no home."""
    from platformdirs import user_cache_path  # imported late: only commands that look for weights need it

    try:
        path = user_cache_path("neurotransfer", appauthor=False) / "weights"
    except RuntimeError:  # no HOME, and a user without a name, as in containers
        return None
    return path if path.is_absolute() else None  # older versions leave the "~"


def _required_folder() -> Path:
    path = folder()
    if path is None:
        raise InputError(
            "There is no home folder to keep weights in; set HOME, or set XDG_CACHE_HOME to a folder of your own."
        )
    return path


def entry() -> CacheEntry | None:
    """Return what is installed; None: nothing.

    Raises:
        InputError: the JSON file is damaged.
    """
    kept = folder()
    if kept is None:
        logger.debug("There is no home folder: no weights are kept, and the built-in ones are used.")
        return None
    path = kept / _ENTRY
    try:
        found = CacheEntry(**json.loads(path.read_text(encoding="utf-8")))
        *texts, used = asdict(found).values()
        if not (all(isinstance(text, str) for text in texts) and isinstance(used, bool)):
            raise TypeError
    except OSError:  # no file, a folder of another user, or no home folder: nothing is installed
        return None
    except (ValueError, TypeError, RecursionError):
        raise InputError(
            f"{path} is damaged; run 'neurotransfer weights remove', or give '--weights builtin'."
        ) from None
    return found


def used_by_runs() -> bool:
    """Return whether runs use the full weights unless --weights says otherwise."""
    found = entry()
    return found is not None and found.used


def required_entry() -> CacheEntry:
    """Return what is installed.

    Raises:
        InputError: nothing is, or the archive is gone.
    """
    place, found = _required_folder(), entry()
    if found is None:
        raise InputError(
            f"The full weights were expected in {place}, found nothing; run 'neurotransfer weights fetch' or "
            "'neurotransfer weights import FILE', or use 'builtin'."
        )
    if not found.path.is_file():
        raise InputError(
            f"{found.path} is gone, though its record is there; run 'neurotransfer weights remove' and fetch or import "
            "the full weights again, or give '--weights builtin'."
        )
    return found


def store(
    kernels: Kernels, mean_pixel: tuple[float, float, float], source: str, layout: str, source_sha256: str
) -> CacheEntry:
    """Write the archive and its JSON file into `folder_to_fill`; runs keep using what they used before.

    Raises:
        NeurotransferError: they cannot be written.
    """
    path = _required_folder() / _ARCHIVE
    arrays = {
        f"{name}.{part}": array
        for name, pair in kernels.items()
        for part, array in zip(("kernel", "bias"), pair, strict=True)
    }
    write_npz(path, {**arrays, "mean_pixel": np.array(mean_pixel)})
    return _write(CacheEntry(source, layout, source_sha256, sha256_of(path), used=False))


@contextmanager
def folder_to_fill() -> Iterator[Path]:
    """Yield `folder`, locked for this process and created if need be: two downloads into one file would damage it.

    Raises:
        InputError: there is no home, full weights are installed, which are not replaced unasked, or another process
            holds the folder.
        NeurotransferError: the folder cannot be created.
    """
    path = _required_folder()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NeurotransferError(f"{path} is no folder, or a dangling symlink; remove it.") from None
    except OSError as error:
        raise NeurotransferError(f"The folder {path} cannot be made: {error.strerror or error}.") from None
    lock = FolderLock(path)
    try:
        found = entry()
        if found is not None:
            raise InputError(
                f"Full weights from {found.source} are installed already; run 'neurotransfer weights remove' first."
            )
        for file in path.iterdir():
            if TEMPORARY_NAME.fullmatch(file.name) or _is_empty(file):
                file.unlink()
        yield path
    finally:
        lock.release()
        with suppress(OSError):  # usually it is not empty
            path.rmdir()


def use(full: bool) -> None:
    """Choose what runs use: the full weights, or the built-in ones.

    Raises:
        InputError: no full weights are installed.
    """
    found = required_entry() if full else entry()
    if found is not None:
        _write(CacheEntry(**{**asdict(found), "used": full}))


def remove() -> int:
    """Delete the full weights and the parts of interrupted downloads; return the bytes that they took.

    Raises:
        NeurotransferError: a file cannot be deleted.
    """
    path = folder()
    if path is None or not path.is_dir():
        return 0
    size = 0
    try:
        for file in path.iterdir():
            if _OURS.fullmatch(file.name) or _is_empty(file):
                size += file.lstat().st_size
                file.unlink()
    except OSError as error:
        raise NeurotransferError(f"{error.filename or path} cannot be removed: {error.strerror or error}.") from None
    with suppress(OSError):  # it is a link, or holds other files
        path.rmdir()
    return size


def _is_empty(file: Path) -> bool:
    return _EMPTY.fullmatch(file.name) is not None and is_plain_file(file) and file.stat().st_size == 0


def _write(found: CacheEntry) -> CacheEntry:
    with atomic_file(_required_folder() / _ENTRY) as handle:
        handle.write((json.dumps(asdict(found), indent=1) + "\n").encode())
    return found
