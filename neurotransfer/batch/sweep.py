"""A sweep: one photo with settings that vary, small, and the contact sheets that show what they do."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from neurotransfer.image_io.saving import save_image
from neurotransfer.runs.run_folder import cut_name

_SIDE = 256
"""Long side of a picture on a sheet."""
_GAP, _LETTERS = 8, 15
_INK, _PAPER, _BLANK = (32, 32, 32), (255, 255, 255), (230, 230, 230)


class Axis(NamedTuple):
    """A setting and the values that it takes."""

    name: str
    """As the command line has it, without dashes in front."""
    values: tuple[Any, ...]
    labels: tuple[str, ...]
    """The values as text."""


class Cell(NamedTuple):
    """One picture of a sweep."""

    place: tuple[int, ...]
    """The number of its value on each axis."""
    values: Mapping[str, Any]
    """Its values by axis."""
    labels: tuple[str, ...]
    """``strength 0.3`` and so on."""
    output: str
    """Its file below the sweep's folder."""


def cells_of(axes: Sequence[Axis]) -> list[Cell]:
    """Return a cell for every combination of values; the last axis changes fastest."""
    found = []
    for place in product(*(range(len(axis.values)) for axis in axes)):
        pairs = list(zip(axes, place, strict=True))
        texts = [(axis.name, axis.labels[number]) for axis, number in pairs]
        found.append(
            Cell(
                place,
                {axis.name: axis.values[number] for axis, number in pairs},
                tuple(f"{name} {label}" for name, label in texts),
                "_".join(f"{name}-{cut_name(label)}" for name, label in texts) + ".png",
            )
        )
    return found


def sheet_name(axes: Sequence[Axis], place: tuple[int, ...]) -> str:
    """Return the name of the contact sheet that has these values of the third axis and further ones."""
    further = zip(axes[2:], place[2:], strict=True)
    return "-".join(["sheet", *(f"{axis.name}-{cut_name(axis.labels[number])}" for axis, number in further)]) + ".png"


def write_sheets(folder: Path, axes: Sequence[Axis], cells: Sequence[Cell]) -> list[Path]:
    """Write contact sheets of the pictures that are there, and return their paths.

    The first axis goes down, the second across; every combination of further ones has a sheet of its own.

    Raises:
        NeurotransferError: a sheet cannot be written.
    """
    pages: dict[tuple[int, ...], dict[tuple[int, int], Path]] = {}
    for cell in cells:
        row, column, *_ = (*cell.place, 0)
        pages.setdefault(cell.place[2:], {})[row, column] = folder / cell.output
    across = axes[1] if len(axes) > 1 else Axis("", (None,), ("",))
    paths = []
    for place, pictures in pages.items():
        further = zip(axes[2:], place, strict=True)
        title = ", ".join(f"{axis.name} {axis.labels[number]}" for axis, number in further)
        path = folder / sheet_name(axes, (0, 0, *place))
        save_image(path, np.asarray(contact_sheet(axes[0], across, pictures, title), np.float32))
        paths.append(path)
    return paths


def contact_sheet(down: Axis, across: Axis, pictures: Mapping[tuple[int, int], Path], title: str = "") -> Image.Image:
    """Return a table of pictures (row, column) with the names of rows and columns; what is missing is a gray place."""
    font = ImageFont.load_default(_LETTERS)
    opened = {place: _small(path) for place, path in pictures.items() if path.is_file()}
    wide = max((picture.width for picture in opened.values()), default=_SIDE)
    high = max((picture.height for picture in opened.values()), default=_SIDE)
    rows = [f"{down.name} {label}" for label in down.labels]
    columns = [f"{across.name} {label}".strip() for label in across.labels]
    left = max(round(font.getlength(row)) for row in rows) + 2 * _GAP
    wide = max(wide, *(round(font.getlength(column)) for column in columns))
    top = 2 * _GAP + _LETTERS * (2 if title else 1) + (_GAP if title else 0)
    size = left + len(columns) * (wide + _GAP), top + len(rows) * (high + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    if title:
        draw.text((left, _GAP), title, _INK, font)
    for column, text in enumerate(columns):
        draw.text((left + column * (wide + _GAP), top - _GAP - _LETTERS), text, _INK, font)
    for row, text in enumerate(rows):
        y = top + row * (high + _GAP)
        draw.text((_GAP, y + (high - _LETTERS) // 2), text, _INK, font)
        for column in range(len(columns)):
            x = left + column * (wide + _GAP)
            if (row, column) in opened:
                sheet.paste(opened[row, column], (x, y))
            else:
                draw.rectangle((x, y, x + wide - 1, y + high - 1), _BLANK)
    return sheet


def _small(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        small = picture.convert("RGB")
    small.thumbnail((_SIDE, _SIDE))
    return small
