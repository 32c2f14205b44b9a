"""What was done: a record for each result, in a hidden folder beside the results, and the summary of a batch.

A record is written when its job ends, whole or not at all, so that nothing that kills the program loses one. By the key
in it, the hash of inputs and settings, a later batch knows finished work whatever the files' dates.
"""

import csv
import hashlib
import io
import json
import logging
import os
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal, Self

from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.facts import FactError, read_fields
from neurotransfer.system.files import atomic_file

logger = logging.getLogger(__name__)

FOLDER = ".neurotransfer"
"""Name of the hidden folder in a batch's output folder, with records and half-done work."""
SUMMARIES = ("batch.json", "batch.csv")
_SHARE = 0.02
"""Largest share of a batch's time that goes into writing the summary while it runs."""

Status = Literal["painted", "finished", "skipped", "failed", "interrupted", "waiting"]
"""``finished``: an earlier batch had painted it. ``waiting``: its turn never came."""


@dataclass(frozen=True)
class Row:
    """What became of a job."""

    content: str
    style: str
    output: str
    """Path of the result relative to the batch's output folder, with forward slashes."""
    status: Status = "waiting"
    reason: str = ""
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    key: str = ""
    """Hash of inputs and settings."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the row of `dataclasses.asdict`; raises `FactError` for anything else."""
        return read_fields(cls, values, "the record")


def require_ours(folder: Path, names: Iterable[str]) -> None:
    """Raise `InputError` if files of these names are in a folder in which no batch was at work: they are the user's."""
    if not (folder / FOLDER).is_dir():
        for name in names:
            if os.path.lexists(folder / name):
                raise InputError(f"{folder / name} exists, and no batch made it; choose another --output.")


def folded(name: str | PurePath) -> str:
    """Return a name as a file system may fold it, in which names that it tells apart may be one: case, accents."""
    return unicodedata.normalize("NFC", str(name)).casefold()


class Records:
    """The records of the results in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hidden = folder / FOLDER

    def work_folder(self, output: str) -> Path:
        """Return where the state of a half-done result lies."""
        return self._hidden / _file_name(output)

    def read(self, output: str) -> Row | None:
        """Return the record of a result; None if there is none, or it is damaged."""
        return _read(self._path(output))

    def write(self, row: Row) -> None:
        """Write a record; raises `NeurotransferError` if it cannot be written."""
        with suppress(OSError):
            self._hidden.mkdir(parents=True, exist_ok=True)
        with atomic_file(self._path(row.output)) as handle:
            handle.write(json.dumps(asdict(row)).encode())

    def forget(self, output: str) -> None:
        """Remove a record."""
        self._path(output).unlink(missing_ok=True)

    def _path(self, output: str) -> Path:
        return self._hidden / f"{_file_name(output)}.json"


def recorded_outputs(folder: Path) -> set[Path]:
    """Return the results that the records in a folder name."""
    rows = (_read(path) for path in (folder / FOLDER).glob("*.json"))
    return {(folder / row.output).resolve() for row in rows if row}


def _read(path: Path) -> Row | None:
    try:
        return Row.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, FactError):
        return None


def _file_name(output: str) -> str:
    return hashlib.sha256(folded(output).encode("utf-8", "surrogateescape")).hexdigest()[:20]


class Summary:
    """Keeps ``batch.json`` and ``batch.csv`` up to date in a batch's output folder; each is whole at any time."""

    def __init__(self, folder: Path, rows: Sequence[Row]) -> None:
        self._folder = folder
        self._rows = list(rows)
        self._next, self._complained = 0.0, False

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows, as they are now."""
        return tuple(self._rows)

    def update(self, number: int, row: Row) -> None:
        """Replace a row; the files follow soon, since their writing takes longer with every row."""
        self._rows[number] = row
        if time.monotonic() >= self._next:
            begun = time.monotonic()
            try:
                self.write()
            except NeurotransferError as error:  # the pictures count more; at the end it is tried again
                if not self._complained:
                    logger.warning("%s The batch goes on.", error)
                self._complained = True
            self._next = begun + (time.monotonic() - begun) / _SHARE

    def write(self) -> None:
        """Write both files; raises `NeurotransferError` if one cannot be written."""
        rows = [asdict(row) for row in self._rows]
        text = json.dumps({"counts": counts(self._rows), "jobs": rows}, indent=1) + "\n"
        for name, content in zip(SUMMARIES, (text, _as_csv(rows)), strict=True):
            with atomic_file(self._folder / name) as handle:
                handle.write(content.encode("utf-8", "surrogateescape"))


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many rows there are of each status."""
    found: dict[str, int] = {}
    for row in rows:
        found[row.status] = found.get(row.status, 0) + 1
    return found


def _as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    terms = list(dict.fromkeys(name for row in rows for name in row["losses"]))
    plain = ("status", "content", "style", "output", "reason", "seconds", "width", "height")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*plain, *(f"loss_{name}" for name in terms)])
    for row in rows:
        writer.writerow([*(row[name] for name in plain), *(row["losses"].get(name, "") for name in terms)])
    return text.getvalue()


def place(source: Path, output: Path, *, overwrite: bool) -> None:
    """Move a finished file to its place, at once; another file that lies there stays, unless ``overwrite``.

    Raises:
        NeurotransferError: it cannot be moved, or there is a file meanwhile.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if not overwrite:
            try:
                os.link(source, output)  # fails if anything is there
            except FileExistsError:
                raise NeurotransferError(
                    f"{output} was made by somebody else meanwhile and stays as it is; choose another --output."
                ) from None
            except OSError:  # a file system without links
                if os.path.lexists(output):
                    raise NeurotransferError(f"{output} exists already and stays as it is.") from None
            else:
                source.unlink()
                return
        source.replace(output)
    except OSError as error:
        raise NeurotransferError(f"{output} cannot be written: {error.strerror or error}.") from error
