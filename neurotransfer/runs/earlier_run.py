"""What an earlier run left in a folder, known by the content of its files: nothing else is removed or replaced."""

import os
import re
import stat
from pathlib import Path

from neurotransfer.system.errors import InputError
from neurotransfer.system.files import TEMPORARY_NAME
from neurotransfer.system.lock import NAME as LOCK

_MARKS = (
    (re.compile(r"(\d+|final)\.png"), b"\x89PNG\r\n\x1a\n", b"tEXtneurotransfer\0{"),
    (re.compile(r"run\.json"), b'{\n "status": ', b'"neurotransfer": "'),
    (re.compile(r"state\.npz"), b"PK\3\4", b'{"version": '),
)
"""Names of the files of runs, how they begin, and what stands within their first bytes."""
_FIRST_BYTES = 1 << 16


def files_of_runs(folder: Path) -> list[Path]:
    """Return the files in ``folder`` that runs made, those that a killed one left half written included.

    Raises:
        InputError: a file has a name that a run gives to one of its own, but no run made it.
    """
    found = []
    for path in folder.iterdir():
        mark = next((mark for mark in _MARKS if mark[0].fullmatch(path.name)), None)
        if mark is not None:
            if not _is_marked(path, *mark[1:]):
                raise InputError(
                    f"{path} has the name of a run's file, but no run of this program made it; move it, or choose "
                    "another folder."
                )
            found.append(path)
        elif TEMPORARY_NAME.fullmatch(path.name) and _is_regular(path):
            found.append(path)
    return found


def _is_marked(path: Path, start: bytes, mark: bytes) -> bool:
    if not _is_regular(path):
        return False
    with path.open("rb") as handle:
        first = handle.read(_FIRST_BYTES)
    return first.startswith(start) and mark in first


def _is_regular(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def clear(folder: Path) -> None:
    """Remove what an earlier run left, except for its final picture: it is replaced when there is a new one.

    Raises:
        InputError: as `files_of_runs`; nothing was removed.
    """
    for path in files_of_runs(folder):
        if path.name != "final.png":
            path.unlink()


def is_abandoned(folder: Path) -> bool:
    """Return whether nothing but a lock that was taken is there: of a run that was killed before its first state."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    names = {entry.name for entry in os.scandir(folder) if not TEMPORARY_NAME.fullmatch(entry.name)}
    return names == {LOCK} and _is_regular(folder / LOCK) and (folder / LOCK).stat().st_size > 0
