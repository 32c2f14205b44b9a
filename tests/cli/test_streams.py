"""Standard streams that are full or closed, and names that a terminal cannot show."""

import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import COMMAND, clean_environment


def test_full_standard_output_is_an_error(photo, painting, tmp_path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, "weights", "info"], stdout=full, stderr=subprocess.PIPE, text=True, env=clean_environment()
        )
    assert done.returncode == 1
    assert done.stderr == "Error: the output cannot be written: No space left on device.\n"


def test_full_standard_error_keeps_the_picture(photo, painting, tmp_path):
    with Path("/dev/full").open("w") as full:
        line = [COMMAND, "run", "-c", photo, "-s", painting, "--size", "48", "--steps", "2", "-o", tmp_path / "r.png"]
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=full, text=True, env=clean_environment())
        assert (done.returncode, done.stdout.startswith("Painted in ")) == (0, True)
        again = subprocess.run(line, stderr=full, env=clean_environment())
    assert again.returncode == 2
    assert (tmp_path / "r.png").exists()


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_keep_the_picture(closed, photo, painting):
    tiff = photo.with_suffix(".tif")
    Image.open(photo).save(tiff, compression="tiff_lzw")
    line = f"exec {COMMAND} run -c {tiff} -s {painting} --size 48 --steps 1 -o closed.png {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=photo.parent, env=clean_environment(), timeout=120)
    assert done.returncode == 0
    assert (photo.parent / "closed.png").exists()


def test_line_end_in_a_file_name_does_not_break_a_log_line(command, photo, painting, tmp_path):
    with Image.open(photo) as picture:
        picture.save(tmp_path / "a\nb.png", icc_profile=b"junk")
    done = command("run", "-c", "a\nb.png", "-s", painting, "--steps", "0", "-o", "r.png")
    assert r"The colour profile of a\nb.png cannot be used" in done.stderr
    assert "b.png" not in {line[:5] for line in done.stderr.splitlines()}


def test_file_names_that_are_not_text_are_printed_escaped(tmp_path):
    folder = os.fsencode(tmp_path) + b"/d\xff"
    Path(os.fsdecode(folder)).mkdir()
    environment = clean_environment() | {"PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([COMMAND, "doctor"], cwd=folder, env=environment, capture_output=True, timeout=120)
    assert rb"/d\udcff" in done.stdout
    assert b"Traceback" not in done.stderr


def test_letters_that_the_terminal_lacks_are_printed_as_their_numbers(tmp_path):
    folder = tmp_path / "日"
    folder.mkdir()
    environment = clean_environment() | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "1"}
    done = subprocess.run([COMMAND, "doctor"], cwd=folder, env=environment, capture_output=True, timeout=120)
    assert rb"/\u65e5" in done.stdout
    assert b"Traceback" not in done.stderr
