"""Names of results: `<photo>-<style>.png` in a folder, or as a template says; no two of them alike."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path, PurePosixPath
from string import Formatter

from neurotransfer.batch.records import folded
from neurotransfer.batch.sources import Source
from neurotransfer.image_io.saving import check_extension
from neurotransfer.runs.run_folder import cut_name
from neurotransfer.system.errors import InputError

FIELDS = ("content", "style", "preset", "seed", "n")
"""What a template may hold in braces."""
_DEFAULT = "{content}-{style}.png"


class Template:
    """Where results go: a folder, and what each is called in it.

    Args:
        output: a folder, or a path with fields in braces, whose part before the first of them is the folder.
        bits: depth of the results.

    Raises:
        InputError: it names one file for many results, an unknown field, or a format that does not hold that depth.
    """

    def __init__(self, output: str, bits: int = 8) -> None:
        if "{" not in output and "}" not in output:
            if not output:
                raise InputError("--output is empty; expected a folder, or a name with {content} in it.")
            if Path(output).suffix and not Path(output).is_dir() and not output.endswith(("/", os.sep)):
                raise InputError(
                    f"--output {output} names one file; expected a folder, which may end with '/', or a name like "
                    f"{Path(output).stem}-{{content}}{Path(output).suffix}."
                )
            output = str(Path(output) / _DEFAULT)
        self._text = output
        try:
            fields = [name for _, name, _, _ in Formatter().parse(output) if name is not None]
            unknown = next((name for name in fields if name not in FIELDS), None)
            example = "" if unknown is not None else self._filled(dict.fromkeys(FIELDS, 1))
        except ValueError as error:
            raise InputError(f"--output {output!r}: {error}; a brace itself is written twice.") from None
        if unknown is not None:
            known = ", ".join(f"{{{name}}}" for name in FIELDS)
            raise InputError(f"--output knows {known}; found {{{unknown}}}.")
        before = output.partition("{")[0]
        self.folder = Path(before if before.endswith(("/", os.sep)) else os.path.dirname(before))  # noqa: PTH120
        check_extension(Path(example), bits)

    def _filled(self, values: Mapping[str, str | int]) -> str:
        return self._text.format(**values)

    def name(self, values: Mapping[str, str | int], below: Path = Path()) -> str:
        """Return the path of a result relative to `folder`, in the folder ``below`` it."""
        path = Path(os.path.relpath(self._filled(values), self.folder))
        return (below / path).as_posix()


def words(sources: Sequence[Source]) -> dict[Path, str]:
    """Return the word that stands for each picture in names: its name without extension, if no other has that.

    Else the extension is added, or the name of its folder, or a number.
    """
    taken: set[str] = set()
    found: dict[Path, str] = {}
    for path, below in sources:
        extension = path.suffix.removeprefix(".")
        with_folder = f"{path.absolute().parent.name}-{path.stem}"
        choices = (path.stem, f"{path.stem}-{extension}", with_folder, f"{with_folder}-{extension}")
        shortened = (cut_name(choice) for choice in choices)
        word = next(word for word in _numbered(shortened) if folded(below / word) not in taken)
        taken.add(folded(below / word))
        found[path] = word
    return found


def _numbered(choices: Iterable[str]) -> Iterator[str]:
    first = ""
    for choice in choices:
        first = first or choice
        yield choice
    yield from (f"{first}-{number}" for number in count(2))


def told_apart(names: Iterable[str]) -> list[str]:
    """Return the names, with a number added to each that a file system might take for an earlier one."""
    taken: set[str] = set()
    found = []
    for name in names:
        path = PurePosixPath(name)
        stems = _numbered([path.stem])
        free = next(
            candidate
            for candidate in (path.with_name(stem + path.suffix) for stem in stems)
            if folded(candidate) not in taken
        )
        taken.add(folded(free))
        found.append(str(free))
    return found
