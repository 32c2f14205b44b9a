"""Whole sweeps through the installed command."""

import re
import shlex

import pytest
from PIL import Image

from tests.cli.test_batch import rows, visible

QUICK = ("--size", "40", "--steps", "1")


def test_a_sweep_makes_a_sheet_and_commands_that_run(command, photo, painting, tmp_path):
    vary = ("--vary", "strength=0.2,0.9", "--vary", "preset=default,fast", "--vary", "preset=bold")
    done = command("sweep", "-c", photo, "-s", painting, *QUICK, "--no-octaves", *vary, "-o", "s")
    assert done.returncode == 0, done.stderr
    pictures = [
        f"strength-{strength}_preset-{name}.png" for strength in (0.2, 0.9) for name in ("bold", "default", "fast")
    ]
    assert visible(tmp_path / "s") == sorted([*pictures, "batch.csv", "batch.json", "commands.txt", "sheet.png"])
    assert "Sheet: s/sheet.png" in done.stdout
    with Image.open(tmp_path / "s" / "sheet.png") as sheet:
        assert sheet.width > 3 * 40
    lines = (tmp_path / "s" / "commands.txt").read_text().splitlines()
    assert lines[0] == "# strength 0.2, preset default"
    words = shlex.split(lines[1])
    assert words[:2] == ["neurotransfer", "run"]
    assert words[words.index("--strength") + 1] == "0.2"
    assert "--no-octaves" in words
    assert "--size" not in words
    run = command(*words[1:])
    assert run.returncode == 0, run.stderr
    with Image.open(tmp_path / "full" / pictures[1]) as picture:
        assert picture.size == (64, 48)  # the photo's own


def test_a_sweep_over_paintings_is_not_painted_twice(command, photo, painting, tmp_path):
    other = tmp_path / "other.png"
    with Image.open(painting) as picture:
        picture.rotate(180).save(other)
    vary = ("--vary", f"style={painting},{other}")
    for word in ("painted", "finished before"):
        done = command("sweep", "-c", photo, *QUICK, *vary, "-o", "s")
        assert done.returncode == 0, done.stderr
        assert f"2 {word}, in" in done.stdout
    assert set(rows(tmp_path / "s")) == {"style-painting.png", "style-other.png"}
    with (
        Image.open(tmp_path / "s" / "style-painting.png") as one,
        Image.open(tmp_path / "s" / "style-other.png") as two,
    ):
        assert one.tobytes() != two.tobytes()


def test_files_of_the_user_stay(command, photo, painting, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "sheet.png").write_text("mine")
    done = command("sweep", "-c", photo, "-s", painting, *QUICK, "--vary", "seed=1,2", "-o", "s")
    assert done.returncode == 2
    assert "sheet.png exists, and no batch made it" in done.stderr
    assert visible(tmp_path / "s") == ["sheet.png"]


@pytest.mark.parametrize(
    ("vary", "reason"),
    [
        ((), "--vary is missing"),
        (("--vary", "strenght=1"), "did you mean strength"),
        (("--vary", "strength"), "names no values"),
        (("--vary", "strength=a"), "--vary strength: 'a' is not a valid float"),
        (("--vary", "strength=0.5,3"), "--strength must be"),
    ],
)
def test_wrong_axes_are_said(command, photo, painting, vary, reason):
    done = command("sweep", "-c", photo, "-s", painting, *vary)
    assert done.returncode == 2
    assert re.search(reason, done.stderr)
    assert len(done.stderr.splitlines()) == 1
