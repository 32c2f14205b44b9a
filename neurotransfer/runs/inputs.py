"""What goes into a run and what is wanted of its files: typed facts that job, state and run log hold whole."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from neurotransfer.image_io.arrays import open_picture
from neurotransfer.image_io.reading import Picture
from neurotransfer.image_io.saving import ALPHAS
from neurotransfer.runs.print_sizes import PAPERS
from neurotransfer.runs.samples import PAINTING, PHOTO
from neurotransfer.system.errors import InputError
from neurotransfer.system.files import sha256_of
from neurotransfer.transfer.settings import INITS

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

    def to_json(self, *, folders: bool) -> dict[str, str]:
        """Return path and hash as plain values; without ``folders``, only the name of the file."""
        return {"file": str(self.path.absolute()) if folders else self.path.name, "sha256": self.sha256}

    @classmethod
    def from_json(cls, values: Mapping[str, str]) -> Self:
        """Return the file of `to_json`."""
        return cls(Path(values["file"]), str(values["sha256"]))


class Pictures(NamedTuple):
    """The opened files of a run, under the names that `stylize` has for them."""

    content: Picture
    styles: tuple[Picture, ...]
    start: Picture | None


@dataclass(frozen=True)
class Inputs:
    """The picture files of a run."""

    content: InputFile = InputFile(PHOTO)
    styles: tuple[InputFile, ...] = (InputFile(PAINTING),)
    start: InputFile | None = None
    """The start picture, where a file takes the place of ``settings.init``."""

    @classmethod
    def of(cls, content: Path | None, *styles: Path, start: Path | None = None) -> Self:
        """Return the inputs for these paths; the shipped photo and painting for what is missing."""
        files = tuple(InputFile(path) for path in styles or (PAINTING,))
        return cls(InputFile(content or PHOTO), files, InputFile(start) if start else None)

    def __iter__(self) -> Iterator[InputFile]:
        """Yield every file."""
        yield from (self.content, *self.styles, *([self.start] if self.start else []))

    def open(self, max_pixels: int | None = None) -> Pictures:
        """Decode every file; each may have ``max_pixels``.

        Raises:
            InputError: one cannot be used.
        """
        start = self.start
        if start is not None and not start.path.exists():
            choices = ", ".join(INITS)
            raise InputError(f"--init must be {choices} or a picture file; there is no file {str(start.path)!r}.")
        return Pictures(
            open_picture(self.content.path, max_pixels),
            tuple(open_picture(style.path, max_pixels) for style in self.styles),
            open_picture(start.path, max_pixels) if start else None,
        )

    def hashed(self) -> Self:
        """Return the inputs with the hash of every file."""
        return replace(
            self,
            content=self.content.hashed(),
            styles=tuple(style.hashed() for style in self.styles),
            start=self.start and self.start.hashed(),
        )

    def to_json(self, *, folders: bool) -> dict[str, Any]:
        """Return the files as plain values; without ``folders``, only their names and hashes."""
        return {
            "content": self.content.to_json(folders=folders),
            "styles": [style.to_json(folders=folders) for style in self.styles],
            "start": self.start and self.start.to_json(folders=folders),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the inputs of `to_json`."""
        return cls(
            InputFile.from_json(values["content"]),
            tuple(InputFile.from_json(style) for style in values["styles"]),
            InputFile.from_json(values["start"]) if values["start"] else None,
        )


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
    bits: int = 8
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
        """Return the options of `to_json`; raises TypeError for other names."""
        return cls(**values)


DEFAULT_INPUTS = Inputs()
"""The shipped photo and painting."""
DEFAULT_OPTIONS = OutputOptions()
