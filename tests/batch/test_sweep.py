"""Sweeps: cells, names, sheets."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurotransfer.batch.sweep import Axis, Cell, cells_of, contact_sheet, sheet_name, write_sheets

STRENGTH = Axis("strength", (0.2, 0.8), ("0.2", "0.8"))
STYLE = Axis("style", (Path("p/night.jpg"), Path("p/ducks.jpg"), Path("p/read.jpg")), ("night", "ducks", "read"))
SEED = Axis("seed", (1, 2), ("1", "2"))


def test_every_combination_is_a_cell_with_a_name_of_its_own():
    cells = cells_of([STRENGTH, STYLE, SEED])
    assert len({cell.output for cell in cells}) == len(cells) == 12
    assert cells[3] == Cell(
        (0, 1, 1),
        {"strength": 0.2, "style": Path("p/ducks.jpg"), "seed": 2},
        ("strength 0.2", "style ducks", "seed 2"),
        "strength-0.2_style-ducks_seed-2.png",
    )


def colored(folder: Path, cells: list[Cell], size=(60, 40)) -> None:
    for number, cell in enumerate(cells):
        Image.new("RGB", size, (20 * number, 0, 255)).save(folder / cell.output)


def test_a_sheet_holds_each_picture_in_its_row_and_column(tmp_path):
    cells = cells_of([STRENGTH, STYLE])
    colored(tmp_path, cells)
    (tmp_path / cells[4].output).unlink()
    places = {cell.place: tmp_path / cell.output for cell in cells}
    sheet = np.asarray(contact_sheet(STRENGTH, STYLE, places))
    found = {}
    for number in (0, 1, 2, 3, 5):
        rows, columns = np.where((sheet == (20 * number, 0, 255)).all(axis=-1))
        assert len(rows) == 60 * 40
        found[number] = rows[0], columns[0]
    assert found[0][0] == found[1][0] == found[2][0] < found[3][0] == found[5][0]
    assert found[0][1] == found[3][1] < found[1][1] < found[2][1] == found[5][1]
    assert not (sheet == (80, 0, 255)).all(axis=-1).any()


def test_pictures_on_a_sheet_are_small(tmp_path):
    cells = cells_of([SEED])
    colored(tmp_path, cells, (900, 1200))
    sheet = contact_sheet(
        SEED, Axis("", (None,), ("",)), {(cell.place[0], 0): tmp_path / cell.output for cell in cells}
    )
    assert sheet.height < 2 * 256 + 60


@pytest.mark.parametrize(
    ("axes", "names"),
    [
        ([SEED], ["sheet.png"]),
        ([SEED, STYLE], ["sheet.png"]),
        ([SEED, STYLE, STRENGTH], ["sheet-strength-0.2.png", "sheet-strength-0.8.png"]),
    ],
)
def test_two_axes_make_a_table_and_more_make_pages(tmp_path, axes, names):
    cells = cells_of(axes)
    colored(tmp_path, cells)
    assert [path.name for path in write_sheets(tmp_path, axes, cells)] == names
    assert {sheet_name(axes, cell.place) for cell in cells} == set(names)
