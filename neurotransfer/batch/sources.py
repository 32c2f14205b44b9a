"""Which pictures a batch works on: names of files and folders, patterns and lists -> picture files.

Results of earlier batches that lie in a folder are not taken for photos.
"""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from neurotransfer.batch.records import FOLDER, recorded_outputs
from neurotransfer.system.errors import InputError

_PATTERN = re.compile(r"[*?\[]")
EXTENSIONS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".hif", ".avif", ".gif"),
    *(".bmp", ".dib", ".jp2", ".j2k", ".jpf", ".jpx", ".pbm", ".pgm", ".ppm", ".pnm", ".pam"),
}
"""Of files in a folder, those that are pictures; a file that is named itself may have any."""


class Source(NamedTuple):
    """A picture file, and where it lies below the folder that was named."""

    path: Path
    below: Path = Path()
    """Its folder relative to the one that was named; of a file that was named itself, no folder."""


def find_sources(words: Iterable[Path], *, recursive: bool = False) -> list[Source]:
    """Return the picture files of files, folders and patterns, each once, in the order of their names.

    ``recursive``: also those in folders of a folder. Hidden files and folders are left out.

    Raises:
        InputError: there is nothing of a name, a pattern fits no file, or a folder holds no picture.
    """
    found: dict[Path, Source] = {}
    for word in words:
        for source in _sources(word, recursive):
            found.setdefault(Path(os.path.abspath(source.path)), source)  # noqa: PTH100 (resolve would follow links)
    return list(found.values())


def listed_sources(names: Iterable[str]) -> list[Source]:
    """Return the files of a list; whether they are there is seen when their turn comes."""
    found = {Path(os.path.abspath(name)): Source(Path(name)) for name in names if name}  # noqa: PTH100
    return list(found.values())


def split_list(text: bytes, *, zero: bool = False) -> list[str]:
    """Return the file names of a list, one a line, or each with a zero byte after it."""
    parts = text.split(b"\0") if zero else text.splitlines()
    return [os.fsdecode(part) for part in parts if part]


def _sources(word: Path, recursive: bool) -> Iterator[Source]:
    if word.is_dir():
        yield from _of_folder(word, recursive)
    elif word.exists():
        yield Source(word)
    elif _PATTERN.search(str(word)):
        fitting = [Path(name) for name in sorted(glob.glob(str(word), recursive=True))]  # noqa: PTH207 (takes any path)
        files = [Source(path) for path in fitting if path.is_file() and path.suffix.lower() in EXTENSIONS]
        if not files:
            raise InputError(f"No picture fits the pattern {str(word)!r}; put it in quotes, or check the folder.")
        yield from files
    else:
        raise InputError(f"There is no file or folder {str(word)!r}; expected a picture, a folder or a pattern.")


def _of_folder(top: Path, recursive: bool) -> Iterator[Source]:
    results: set[Path] = set()
    count = 0
    for name, folders, files in os.walk(top):
        folder = Path(name)
        if FOLDER in folders:
            results |= recorded_outputs(folder)
        folders[:] = sorted(each for each in folders if not each.startswith(".")) if recursive else []
        for file in sorted(files):
            path = folder / file
            if file.startswith(".") or path.suffix.lower() not in EXTENSIONS or path.resolve() in results:
                continue
            count += 1
            yield Source(path, folder.relative_to(top))
    if not count:
        hint = "" if recursive else " (--recursive also looks into its folders)"
        raise InputError(f"The folder {top} holds no picture to paint{hint}.")
