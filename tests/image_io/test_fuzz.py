"""A slice of bench/fuzz.py, whole commands with difficult names, and settings by the hundred."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from neurotransfer.cli.console import one_line
from neurotransfer.cli.options import to_settings
from neurotransfer.system.errors import InputError
from neurotransfer.transfer.presets import PRESETS
from neurotransfer.transfer.settings import CHOICES, RANGES, Settings

FUZZ = Path(__file__).parents[2] / "bench" / "fuzz.py"


def test_damaged_files_are_pictures_or_one_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, FUZZ, "--cases", "300", "--quick"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[2] == "| honest | 27 | 27 | 0 | 0 |"
    assert not list(tmp_path.iterdir())


def test_the_fuzzer_counts_failures(tmp_path):
    """The fuzzer's own companion: with a decoder that raises what it should not, it counts failures."""
    (tmp_path / "sitecustomize.py").write_text(
        "from neurotransfer.image_io import arrays as images\n"
        "whole = images.opacity\n"
        "def opacity(*arguments):\n    raise KeyError('a bug')\n"
        "images.opacity = opacity\n"
    )
    done = subprocess.run(
        [sys.executable, FUZZ, "--cases", "0", "--quick"],
        capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "raised" in done.stdout
    assert "KeyError('a bug')" in done.stdout


NAMES = ["a b.png", "line\nbreak.png", "žluťoučký 🐎.png", "-c.png", "--steps.png", "'\"$(x)`.png", "\udcff\udcfe.png"]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_messages_with_difficult_names_stay_on_one_line(command, tmp_path, name):
    (tmp_path / name).write_text("no picture")
    done = command("run", "-c", name)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(
        "is not a picture of a known format; expected JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP, JPEG 2000 or PNM.\n"
    )


def test_a_run_accepts_difficult_names(command, photo, painting, tmp_path):
    difficult = "-a\nž b.png"
    photo.rename(tmp_path / difficult)
    arguments = ("-s", painting, "--size", "48", "--steps", "1", "--snapshot-every", "0")
    done = command("run", "-c", difficult, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(r"output/-a\nž b-painting/final.png")
    assert (tmp_path / "output" / "-a\nž b-painting" / "final.png").exists()


def test_one_line_escapes_what_cannot_be_printed():
    assert one_line("a\nb\tc\x1b[31m \udcff é") == r"a\nb\tc\x1b[31m \udcff é"


numbers = some.one_of(some.floats(), some.integers(), some.none())
words = some.text(max_size=12)
layers = some.lists(some.tuples(some.sampled_from(["conv1_1", "conv4_2", "conv9_9", ""]), numbers), max_size=3)


@settings(max_examples=300, deadline=None)
@given(
    some.one_of(some.sampled_from(sorted(PRESETS)), words),
    some.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(RANGES, numbers),
            **dict.fromkeys(CHOICES, words),
            "size": some.one_of(some.integers(), words, some.just("original")),
            "init": words,
            "content_layers": layers.map(tuple),
            "style_layers": layers.map(tuple),
            "coarse_layers": layers.map(tuple),
        },
    ),
)
def test_settings_are_good_or_refused_in_a_sentence(preset, given_values):
    try:
        assert isinstance(to_settings(preset, given_values), Settings)
    except InputError as error:
        assert str(error).endswith((".", "?"))
        assert one_line(str(error)).isprintable()
