"""Values of options as people spell them, and who is named where one is wrong: the option, or the variable."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from neurotransfer.cli.main import cli
from neurotransfer.cli.option_types import BYTES, DURATION, PATH, WEIGHTS, Choice, LayerType, NumberOr, PathType
from neurotransfer.runs.print_sizes import PAPERS
from neurotransfer.transfer.presets import PRESET_ALIASES, PRESETS
from neurotransfer.transfer.settings import INITS
from tests.cli.conftest import files
from tests.conftest import clean_environment


def convert(kind, text):
    return kind.convert(text, None, None)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (BYTES, "4GiB", 4 * 2**30),
        (BYTES, "1.5 gib", 1.5 * 2**30),
        (BYTES, "800 MiB", 800 * 2**20),
        (BYTES, "4GB", 4e9),
        (BYTES, "4g", 4e9),
        (BYTES, "2000000k", 2e9),
        (DURATION, "90 sec", 90.0),
        (DURATION, "10min", 600.0),
        (DURATION, "10M", 600.0),
        (NumberOr(int, "original"), "Original", "original"),
        (NumberOr(int, "original"), "400", 400),
        (NumberOr(float, "auto"), "AUTO", "auto"),
        (NumberOr(float, "auto"), "1.5", 1.5),
        (Choice(PAPERS), "A4", "a4"),
        (Choice(PRESETS, PRESET_ALIASES), "Fast", "fast"),
        (Choice(PRESETS, PRESET_ALIASES), "SEED", "classic"),
        (LayerType(), "Conv4_2=0.5", ("conv4_2", 0.5)),
        (PathType(str, INITS), "Content", "content"),
        (PathType(str, INITS), "Content.png", "Content.png"),
        (WEIGHTS, "Full", "full"),
    ],
)
def test_spellings_that_mean_a_value(kind, text, value):
    assert convert(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (BYTES, "4GX"),
        (BYTES, "GiB"),
        (BYTES, "-1G"),
        (DURATION, "10mins!"),
        (Choice(PAPERS), "a44"),
        (NumberOr(int, "original"), "o"),
        (NumberOr(int, "original"), "1.5"),
        (NumberOr(float, "auto"), "x"),
    ],
)
def test_spellings_that_mean_none(kind, text):
    with pytest.raises(click.BadParameter):
        convert(kind, text)


def test_a_tilde_that_the_shell_has_left_means_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.chdir(tmp_path)
    assert convert(PATH, "~/p.jpg") == Path("/home/me/p.jpg")
    assert convert(PathType(str), "~/out/") == "/home/me/out/"
    assert convert(PATH, "a/~/p.jpg") == Path("a/~/p.jpg")
    assert convert(PATH, "~nobody-of-this-name/p.jpg") == Path("~nobody-of-this-name/p.jpg")
    (tmp_path / "~").mkdir()
    (tmp_path / "~" / "p.jpg").touch()
    assert convert(PATH, "~/p.jpg") == Path("~/p.jpg"), "a file of that very name"


@pytest.mark.parametrize(
    "words",
    [
        ("run", "-c", "-"),
        ("run", "-s", "-"),
        ("run", "-o", "-"),
        ("run", "--init", "-"),
        ("run", "--weights", "-"),
        ("resume", "-"),
        ("evaluate", "-c", "a.png", "-s", "b.png", "-"),
        ("weights", "import", "-"),
        ("weights", "quantize", "-o", "-"),
    ],
)
def test_a_pipe_is_refused_and_no_folder_is_called_like_it(monkeypatch, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert "expected the name of a file or folder, found '-': pipes cannot be used yet." in done.stderr
    assert files(tmp_path) == []


def test_a_file_called_like_a_pipe_is_one(command, photo, painting, tmp_path):
    photo.rename(tmp_path / "-")
    done = command("run", "-c", "./-", "-s", painting, "--steps", "0", "--size", "48", "-o", "r.png")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "words", "told"),
    [
        ("NEUROTRANSFER_SIZE", "abc", (), "Invalid value for NEUROTRANSFER_SIZE: expected a number of pixels"),
        ("NEUROTRANSFER_PRESET", "abc", (), "Invalid value for NEUROTRANSFER_PRESET: 'abc' is not one of"),
        ("NEUROTRANSFER_STYLE_WEIGHT", "-3", (), "NEUROTRANSFER_STYLE_WEIGHT must be a number, from 0 to"),
        ("NEUROTRANSFER_STYLE_LAYER", "conv9_1", (), "conv9_1"),
        ("NEUROTRANSFER_PRINT", "a4", ("--size", "300"), "NEUROTRANSFER_PRINT sets the size; give it or --size"),
        ("NEUROTRANSFER_OUTPUT", "-", (), "Invalid value for NEUROTRANSFER_OUTPUT: expected the name of a file"),
    ],
)
def test_a_wrong_variable_is_named_not_an_option_that_nobody_gave(command, variable, value, words, told):
    done = command("run", *words, **{variable: value})
    assert (done.returncode, told in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr


def test_a_wrong_option_is_named(command):
    done = command("run", "--style-weight", "-3", NEUROTRANSFER_STEPS="5")
    assert done.stderr.startswith("Error: --style-weight must be a number, from 0 to")


def test_python_m_imports_no_modules_of_the_working_folder(photo, painting, tmp_path):
    for name in ("random", "signal", "json", "typing", "logging", "numpy", "click"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('of the working folder')\n")
    line = ["-m", "neurotransfer", "run", "-c", photo, "-s", painting, "--size", "48", "--steps", "0", "-o", "r.png"]
    done = subprocess.run(
        [sys.executable, *line], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, (tmp_path / "r.png").exists()) == (0, True), done.stderr


@pytest.mark.parametrize(("words", "code"), [((), 0), (("--json",), 1)])
def test_closed_pipes_change_no_exit_code_of_a_finished_picture(photo, painting, tmp_path, words, code):
    """Both go to a reader that is gone, as after ``2>&1 | head -1``; what was asked for with --json is missed."""
    line = [sys.executable, "-m", "neurotransfer", "run", "-c", photo, "-s", painting, "--size", "48", "--steps", "1"]
    with subprocess.Popen(
        [*line, "-o", "r.png", *words],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        process.stdout.close()
        assert process.wait(timeout=120) == code
    assert (tmp_path / "r.png").exists()
