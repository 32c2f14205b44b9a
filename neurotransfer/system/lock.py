"""One run a folder: a lock that the system gives back when its owner dies."""

import errno
import logging
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from neurotransfer.system.errors import InputError, NeurotransferError

try:
    import fcntl
except ImportError:  # Windows: runs are not kept apart there
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

NAME = "run.lock"


class FolderLock:
    """Holds a folder for this process, from its making to `release`.

    The file ``run.lock`` names the owner's process. It is only a name tag: what counts is the system's lock on it, so
    that the tag of a process that was killed keeps nobody out. A file of that name that holds anything else, a
    link or a pipe is a stranger's and stays as it is.

    Raises:
        InputError: another process, named in the message, holds the folder; or there can be no lock in it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._handle = -1
        while fcntl is not None and not self._held():  # its last owner may have removed the file meanwhile
            if self._handle >= 0:
                os.close(self._handle)
            self._handle = self._opened()
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = self._tag()
                os.close(self._handle)
                raise InputError(
                    f"{folder} is in use by another run (process {owner or 'unknown'}); "
                    "wait for its end, or choose another folder."
                ) from None
            if not re.fullmatch("[0-9]*", self._tag()):
                os.close(self._handle)
                raise InputError(self._strange())
        if self._handle >= 0:
            if left := self._tag():
                logger.info("The run of process %s in %s did not end by itself.", left, folder)
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, str(os.getpid()).encode(), 0)

    def require(self) -> None:
        """Raise `NeurotransferError` if the folder was removed or replaced: another run may be at work in its place."""
        if self._handle >= 0 and not self._held():
            raise NeurotransferError(f"The folder {self._path.parent} was removed or replaced while the run went on.")

    def release(self) -> None:
        """Remove the file, then let go: in this order nobody can lock a file that is about to vanish unnoticed."""
        if self._handle >= 0:
            with suppress(OSError):  # a folder that has become read-only keeps a file that holds nobody up
                if self._held():
                    self._path.unlink()
            os.close(self._handle)
            self._handle = -1

    def _opened(self) -> int:
        try:
            # Opening a stranger's pipe would wake who waits at its other end.
            if self._path.exists() and not self._path.is_file():
                raise InputError(self._strange())
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):  # a link, a folder, a socket
                raise InputError(self._strange()) from None
            raise InputError(
                f"The folder {self._path.parent} cannot be written to ({error.strerror}); make it writable, or work in "
                "a copy of it."
            ) from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise InputError(self._strange())
        return handle

    def _strange(self) -> str:
        return f"{self._path} is no lock of this program and stays as it is; move it, or choose another folder."

    def _held(self) -> bool:
        """Whether there is an open file, and it is the one in the folder."""
        try:
            return self._handle >= 0 and os.path.samestat(os.fstat(self._handle), self._path.lstat())
        except OSError:
            return False

    def _tag(self) -> str:
        return os.pread(self._handle, 20, 0).decode("ascii", "replace").strip()
