"""A lock on a folder, so that one process at a time works in it; the system releases it when its owner dies."""

import errno
import logging
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from neurotransfer.system.errors import InputError, NeurotransferError

logger = logging.getLogger(__name__)

NAME = "run.lock"

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""What file systems without locks answer: some of NFS and FUSE."""
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class FolderLock:
    """Holds a folder for this process from its creation until `release`.

    The file ``run.lock`` holds the owner's process id. The id only serves messages: what counts is the system's lock
    on the file, so the file of a killed process keeps nobody out. A file of that name that holds anything else, or is a
    link, a pipe or a device, belongs to somebody else and stays as it is. Where the file system has no locks, nobody is
    kept out, and a warning says so; if ``strict``, the folder is refused.

    Raises:
        InputError: another process, named in the message, holds the folder; or the folder cannot be locked.
    """

    def __init__(self, folder: Path, *, strict: bool = False) -> None:
        self._strict = strict
        self._path = folder / NAME
        self._handle: int | None = None
        try:
            while self._handle is None or not self._is_current():  # its last owner may have removed it meanwhile
                self._close()
                self._handle = self._open()
                self._acquire(self._handle)
            if left := self._tag(self._handle).strip():
                logger.info("The run of process %s in %s did not end by itself.", left, folder)
            os.ftruncate(self._handle, 0)
            os.lseek(self._handle, 0, os.SEEK_SET)
            os.write(self._handle, f" {os.getpid()}".encode())
        except BaseException:
            self._close()
            raise

    def require(self) -> None:
        """Raise `NeurotransferError` if the folder was removed or replaced: another run may be at work in its place."""
        if self._handle is not None and not self._is_current():
            raise NeurotransferError(f"The folder {self._path.parent} was removed or replaced while the run went on.")

    def release(self) -> None:
        """Remove the file, then unlock it: in this order nobody can lock a file that is about to be removed."""
        if self._handle is None:
            return
        current = self._is_current()
        if os.name == "nt":  # Windows removes no open file: not ours, and not that of a process that locks it now
            self._close()
        with suppress(OSError):  # in a folder that has become read-only the file stays, and keeps nobody out
            if current:
                self._path.unlink()
        self._close()

    def _open(self) -> int:
        try:
            # We look before we open: opening somebody's pipe would wake the process at its other end.
            with suppress(FileNotFoundError):
                found = self._path.lstat()
                self._require_ours(stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
            return os.open(self._path, _FLAGS, 0o644)
        except OSError as error:
            raise InputError(
                f"The folder {self._path.parent} cannot be written to ({error.strerror}); make it writable, or work in "
                "a copy of it."
            ) from None

    def _acquire(self, handle: int) -> None:
        """Lock the open file, which must be ours or empty."""
        from filelock import lock_descriptor  # it imports asyncio, 0.1 s: only processes that lock pay for it

        self._require_ours(stat.S_ISREG(os.fstat(handle).st_mode))
        try:
            locked = lock_descriptor(handle, blocking=False)  # unlike FileLock it neither opens nor truncates the file
        except OSError as error:
            if self._strict or error.errno not in _NO_LOCKS:
                raise InputError(
                    f"The folder {self._path.parent} cannot be locked ({error.strerror}); choose another folder."
                ) from None
            logger.warning(
                "The folder %s cannot be locked (%s): let no other run work in it meanwhile.",
                self._path.parent,
                error.strerror,
            )
            locked = True
        if not locked:
            # Windows forbids to read the locked byte, which is the first one: the tag begins with a space.
            owner = self._tag(handle, start=1).strip()
            raise InputError(
                f"{self._path.parent} is in use by another run (process {owner or 'unknown'}); "
                "wait for its end, or choose another folder."
            )
        self._require_ours(re.fullmatch(" ?[0-9]{0,20}", self._tag(handle)) is not None)

    def _require_ours(self, ours: bool) -> None:
        if not ours:
            raise InputError(
                f"{self._path} is no lock of this program and stays as it is; move it, or choose another folder."
            )

    def _is_current(self) -> bool:
        """Return whether our open file is still the one in the folder."""
        try:
            return self._handle is not None and os.path.samestat(os.fstat(self._handle), self._path.lstat())
        except OSError:
            return False

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    @staticmethod
    def _tag(handle: int, start: int = 0) -> str:
        os.lseek(handle, start, os.SEEK_SET)
        return os.read(handle, 32).decode("ascii", "replace")
