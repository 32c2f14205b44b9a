"""Files written whole or not at all and never through a link, and their hashes."""

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from neurotransfer.system.errors import InputError, NeurotransferError

TEMPORARY_NAME = re.compile(r"\.neurotransfer-[0-9a-f]{16}\.tmp")
"""Names of the temporary files of `atomic_file`, which a process leaves that is killed while it writes."""

_PART = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file beside ``path`` to write to; renamed to ``path`` when the block ends well, else removed.

    Its temporary name cannot be foreseen, and nothing that lies there is opened. A file that is replaced passes its
    permissions on; a link that is replaced is left unfollowed.

    Raises:
        NeurotransferError: the block or the renaming met an `OSError`.
    """
    try:
        with new_file(path.parent) as (temporary, handle):
            _keep_permissions(path, handle)
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
            handle.close()  # Windows renames no open file
            temporary.replace(path)
            _sync_folder(path.parent)
    except OSError as error:
        raise NeurotransferError(f"{path} cannot be written: {error.strerror or error}.") from error


@contextmanager
def new_file(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield the path and the handle of a new file in ``folder``, of a name that matches `TEMPORARY_NAME`.

    In the end it is removed, unless it was renamed.
    """
    path = folder / f".neurotransfer-{secrets.token_hex(8)}.tmp"
    handle = path.open("x+b")  # x: nothing may lie there, not even a link
    try:
        with handle:
            yield path, handle
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def open_part(path: Path) -> BinaryIO:
    """Open the file ``path``, which is made if need be, to read it and to add to its end.

    Whatever lies there besides a regular file with this one name (a link, a pipe) is removed first, and not opened.

    Raises:
        OSError: it cannot be opened, or removed.
    """
    if os.path.lexists(path) and not _is_plain(path.lstat()):
        path.unlink()
    return os.fdopen(os.open(path, _PART, 0o666), "a+b")


def require_unlinked(path: Path) -> None:
    """Raise `InputError` if ``path``, which is to be overwritten, is a link: what it leads to was not named."""
    if path.is_symlink():
        raise InputError(
            f"{path} is a link, which --overwrite does not follow; give what it leads to, or another name."
        )


def is_plain_file(path: Path) -> bool:
    """Return whether ``path`` is a regular file with this one name: no link of either kind."""
    try:
        return _is_plain(path.lstat())
    except OSError:
        return False


def _is_plain(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _keep_permissions(path: Path, handle: BinaryIO) -> None:
    with suppress(OSError):  # no file is replaced, or the file system has no permissions
        former = path.lstat().st_mode
        if stat.S_ISREG(former) and hasattr(os, "fchmod"):
            os.fchmod(handle.fileno(), stat.S_IMODE(former) & 0o777)


def _sync_folder(folder: Path) -> None:
    """Have the disk keep a renaming, too, where the system can be asked for it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
