"""What goes into a run and what is wanted of its files: typed facts that job, state and run log hold whole."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from neurotransfer.image_io.arrays import open_picture
from neurotransfer.image_io.reading import Picture
from neurotransfer.image_io.saving import ALPHAS
from neurotransfer.runs.print_sizes import PAPERS
from neurotransfer.runs.samples import PAINTING, PHOTO
from neurotransfer.system.errors import InputError
from neurotransfer.system.facts import read_fields
from neurotransfer.system.files import sha256_of
from neurotransfer.transfer.settings import INITS, PROTECTS

PRINT_DPI = 300.0
MIN_DPI, MAX_DPI = 10, 4800


@dataclass(frozen=True)
class InputFile:
    """A picture file, and the hash of its content once it was read."""

    path: Path
    sha256: str = ""

    def hashed(self) -> Self:
        """Return the file with its hash."""
        return replace(self, sha256=sha256_of(self.path))

    def to_json(self, folder: Path | None) -> dict[str, str]:
        """Return path and hash as plain values: the path as `seen_from` the folder; None: only the name of the file."""
        return {"file": seen_from(folder, self.path) if folder else self.path.name, "sha256": self.sha256}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the file of `to_json`; a path that was seen from a folder is relative."""
        return cls(*read_fields(_StoredFile, values, "a picture file"))


class _StoredFile(NamedTuple):
    file: Path
    sha256: str


def seen_from(folder: Path, path: Path) -> str:
    """Return ``path`` relative to ``folder``, or absolute where they have no folder but the root in common.

    A relative path names no folder above both, such as the user's own, and holds when they are moved together.
    """
    there, here = path.parent.resolve() / path.name, folder.resolve()
    with suppress(ValueError):  # on two drives
        if len(Path(os.path.commonpath((here, there))).parts) > 1:
            return os.path.relpath(there, here)
    return str(there)


class Pictures(NamedTuple):
    """The opened files of a run, under the names that `stylize` has for them."""

    content: Picture
    styles: tuple[Picture, ...]
    start: Picture | None
    protect: Picture | None


@dataclass(frozen=True)
class Inputs:
    """The picture files of a run."""

    content: InputFile = InputFile(PHOTO)
    styles: tuple[InputFile, ...] = (InputFile(PAINTING),)
    start: InputFile | None = None
    """The start picture, where a file takes the place of ``settings.init``."""
    protect: InputFile | None = None
    """The mask of what stays, where a file takes the place of ``settings.protect``."""

    @classmethod
    def of(cls, content: Path | None, *styles: Path, start: Path | None = None, protect: Path | None = None) -> Self:
        """Return the inputs for these paths; the shipped photo and painting for what is missing."""
        files = tuple(InputFile(path) for path in styles or (PAINTING,))
        first, mask = (InputFile(path) if path else None for path in (start, protect))
        return cls(InputFile(content or PHOTO), files, first, mask)

    def __iter__(self) -> Iterator[InputFile]:
        """Yield every file."""
        yield from (self.content, *self.styles)
        yield from (file for file in (self.start, self.protect) if file)

    def open(self, max_pixels: int | None = None) -> Pictures:
        """Decode every file; each may have ``max_pixels``.

        Raises:
            InputError: one cannot be used.
        """
        for option, file, choices in (("--init", self.start, INITS), ("--protect", self.protect, PROTECTS)):
            if file is not None and not file.path.exists():
                names = ", ".join(choices)
                raise InputError(f"{option} must be {names} or a picture file; there is no file {str(file.path)!r}.")
        return Pictures(
            open_picture(self.content.path, max_pixels),
            tuple(open_picture(style.path, max_pixels) for style in self.styles),
            open_picture(self.start.path, max_pixels) if self.start else None,
            open_picture(self.protect.path, max_pixels) if self.protect else None,
        )

    def hashed(self) -> Self:
        """Return the inputs with the hash of every file."""
        return replace(
            self,
            content=self.content.hashed(),
            styles=tuple(style.hashed() for style in self.styles),
            start=self.start and self.start.hashed(),
            protect=self.protect and self.protect.hashed(),
        )

    def below(self, folder: Path) -> Self:
        """Return the inputs with relative paths taken from ``folder``."""
        here = folder.resolve()

        def found(file: InputFile) -> InputFile:
            return replace(file, path=Path(os.path.normpath(here / file.path)))

        return replace(
            self,
            content=found(self.content),
            styles=tuple(found(style) for style in self.styles),
            start=self.start and found(self.start),
            protect=self.protect and found(self.protect),
        )

    def to_json(self, folder: Path | None) -> dict[str, Any]:
        """Return the files as plain values, their paths as `InputFile.to_json` has them."""
        return {
            "content": self.content.to_json(folder),
            "styles": [style.to_json(folder) for style in self.styles],
            "start": self.start and self.start.to_json(folder),
            "protect": self.protect and self.protect.to_json(folder),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the inputs of `to_json`; raises `FactError` for anything else."""
        return read_fields(cls, values, "inputs")


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What is wanted of a run's files. A new option is a field here and an option of the command line.

    Raises:
        InputError: a value is not one of those allowed.
    """

    snapshot_every: int | None = None
    """Steps between snapshots; None: 20 in a run folder, none beside a file."""
    save_every: float = 30.0
    """Seconds between savings of a run folder's state, from which `resume` continues."""
    paper: str | None = None
    """Name of a sheet that the picture is to fill, one of `PAPERS`: sets the size, with `dpi` or 300."""
    dpi: float | None = None
    """Resolution noted in the files, pixels per inch."""
    bits: Literal[8, 16] = 8
    """Depth of the final picture: 8, or 16 for PNG and TIFF."""
    alpha: str = "keep"
    """The photo's transparency: ``keep`` puts it back into the result, ``flatten`` lays it on white."""
    keep_gps: bool = False
    """Whether the place in the photo's EXIF goes into the result, as date, copyright, artist and camera do."""

    def __post_init__(self) -> None:
        """Check the values; the first bad one raises `InputError`."""
        if self.alpha not in ALPHAS:
            raise InputError(f"--alpha must be one of {', '.join(ALPHAS)}; found {self.alpha!r}.")
        if self.dpi is not None and not MIN_DPI <= self.dpi <= MAX_DPI:
            raise InputError(f"--dpi must be from {MIN_DPI} to {MAX_DPI} pixels per inch; found {self.dpi:g}.")
        if self.paper is not None and self.paper not in PAPERS:
            raise InputError(f"--print must be one of {', '.join(PAPERS)}; found {self.paper!r}.")

    @property
    def resolution(self) -> float | None:
        """The resolution noted in the files, pixels per inch; a sheet of paper has one by default."""
        return self.dpi or (PRINT_DPI if self.paper else None)

    def to_json(self) -> dict[str, Any]:
        """Return the options as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the options of `to_json`; raises `FactError` or, for a value out of its range, `InputError`."""
        return read_fields(cls, values, "options")


DEFAULT_INPUTS = Inputs()
"""The shipped photo and painting."""
DEFAULT_OPTIONS = OutputOptions()
