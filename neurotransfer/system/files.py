"""Files written whole or not at all, and their hashes."""

import hashlib
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neurotransfer.system.errors import NeurotransferError

TEMPORARY_NAME = re.compile(r"\.[0-9a-f]{8}\.\d+\.tmp")
"""Names of the temporary files of `atomic_file`, which a process leaves that is killed while it writes."""


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to; renamed to ``path`` when the block ends well, else removed.

    Raises:
        NeurotransferError: the block or the renaming met an `OSError`.
    """
    # The name itself may be as long as the file system allows: its checksum keeps two files of a folder apart.
    temporary = path.with_name(f".{zlib.crc32(os.fsencode(path.name)):08x}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise NeurotransferError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
