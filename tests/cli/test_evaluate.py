"""The command that measures existing pictures."""

import json

import pytest
from PIL import Image


def test_evaluate_agrees_with_the_run(command, photo, painting, tmp_path):
    command("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "3")
    folder = tmp_path / "output" / "photo-painting"
    expected = json.loads((folder / "run.json").read_text())["losses"][-1]
    arguments = ("evaluate", "-c", photo, "-s", painting, folder / "final.png")
    (found,) = json.loads(command(*arguments, "--json").stdout)["images"]
    assert found["content"] == pytest.approx(expected["content"], rel=0.02)  # the saved picture is rounded
    assert found["style"] == pytest.approx(expected["style"], rel=0.02)
    (heavier,) = json.loads(command(*arguments, "--json", "--content-weight", "310").stdout)["images"]
    assert heavier["content"] == pytest.approx(2 * found["content"], rel=1e-5)
    table = command(*arguments).stdout.splitlines()
    assert table[0].split() == ["picture", "content", "style", "tv", "range", "total"]
    assert float(table[1].split()[1]) == pytest.approx(found["content"], rel=1e-3)


def test_picture_of_another_shape_is_refused(command, photo, painting, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "square.png")
    done = command("evaluate", "-c", photo, "-s", painting, "square.png")
    assert done.returncode == 2
    expected = "square.png is 64x64 pixels, expected the photo's shape, 64x48; give the photo that it was painted from."
    assert done.stderr == f"Error: {expected}\n"
