"""A manifest: a CSV or JSON Lines file with a row for each result, and in it any setting that is its own."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from neurotransfer.system.errors import InputError

_FILES = ("content", "style", "output")


class ManifestRow(NamedTuple):
    """A row: files and settings as they were written."""

    place: str
    """Of the row, for messages: the file's name and the line."""
    content: Path
    style: Path | None
    output: str | None
    settings: Mapping[str, Any]
    """By option name with underscores; text from CSV, values of JSON."""


def read_manifest(path: Path, settings: Iterable[str]) -> list[ManifestRow]:
    """Return the rows of a manifest; paths in it are relative to its folder.

    ``settings`` are the names of the settings that a row may have, with underscores; dashes are taken as well.

    Raises:
        InputError: it cannot be read, or holds an unknown column or a row without a photo.
    """
    known = (*_FILES, *settings)
    rows = []
    for number, values in _values(path):
        place = f"{path.name}, line {number}"
        named = {
            str(name).strip().replace("-", "_"): value for name, value in values.items() if value not in (None, "")
        }
        unknown = next((name for name in named if name not in known), None)
        if unknown is not None:
            raise InputError(
                f"{place}: the column {unknown!r} is unknown; expected content, style, output, or a setting such as "
                "preset, size, strength or style_scale."
            )
        if "content" not in named:
            raise InputError(f"{place}: there is no photo; expected a column 'content'.")
        content, style = (path.parent / str(named[name]) if name in named else None for name in ("content", "style"))
        assert content is not None
        output = str(named["output"]) if "output" in named else None
        rest = {name: value for name, value in named.items() if name not in _FILES}
        rows.append(ManifestRow(place, content, style, output, rest))
    if not rows:
        raise InputError(f"{path} holds no rows; expected one for each result.")
    return rows


def _values(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the number of the line of each row, and its values by column."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise InputError(f"The manifest {path} cannot be read: {reason}.") from None
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return [
            (number, _object(path, number, line)) for number, line in enumerate(text.splitlines(), 1) if line.strip()
        ]
    if path.suffix.lower() != ".csv":
        raise InputError(f"The manifest {path} must end with .csv or .jsonl; found {path.suffix!r}.")
    reader = csv.DictReader(text.splitlines(), strict=True)
    rows: list[tuple[int, Mapping[str, Any]]]
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path.name}, line {reader.line_num}: {error}; expected CSV with commas.") from None
    for number, row in rows:
        if None in row:
            raise InputError(f"{path.name}, line {number}: there are more values than columns; put texts in quotes.")
    return rows


def _object(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise InputError(f"{path.name}, line {number}: {error}; expected a JSON object a line.") from None
    if not isinstance(found, dict):
        raise InputError(f"{path.name}, line {number}: expected a JSON object, found {line[:40]!r}.")
    return found
