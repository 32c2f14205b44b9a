"""Without a home folder, as in containers: all works, and nothing is written where nobody asked."""

import pytest

from tests.cli.conftest import files

NOBODY = """
import os, pwd
os.environ.pop("HOME", None)
def nobody(number):
    raise KeyError(f"getpwuid(): uid not found: {number}")
pwd.getpwuid = nobody
"""
"""What Python finds of a user who has a number and nothing else, when it starts."""


@pytest.fixture
def homeless(command, tmp_path_factory):
    start = tmp_path_factory.mktemp("start")
    (start / "sitecustomize.py").write_text(NOBODY)
    return lambda *words: command(*words, PYTHONPATH=str(start), XDG_CACHE_HOME="")


def test_a_run_paints_and_says_that_no_weights_are_kept(homeless, photo, painting, tmp_path):
    done = homeless("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "1", "-o", "a.png", "-v")
    assert done.returncode == 0, done.stderr
    assert "There is no home folder: no weights are kept, and the built-in ones are used." in done.stderr
    assert files(tmp_path) == ["a.png", "painting.png", "photo.png"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("doctor",), 0, "no home folder, so no weights are kept"),
        (("weights", "info"), 0, "vgg19-8bit.npz"),
        (("weights", "verify"), 0, "builtin sound"),
        (("weights", "remove"), 0, "There was nothing to remove."),
        (("weights", "use", "builtin"), 0, "Runs use the built-in weights."),
        (("weights", "use", "full"), 2, "There is no home folder to keep weights in; set HOME, or set XDG_CACHE_HOME"),
        (("weights", "fetch"), 2, "There is no home folder to keep weights in; set HOME, or set XDG_CACHE_HOME"),
        (("weights", "import", "photo.png"), 2, "There is no home folder to keep weights in"),
        (("weights", "info", "--weights", "full"), 2, "There is no home folder to keep weights in"),
    ],
)
def test_other_commands_work_or_say_it(homeless, photo, tmp_path, words, code, told):
    done = homeless(*words)
    assert (done.returncode, told in done.stdout + done.stderr) == (code, True), done
    assert "Traceback" not in done.stderr
    assert files(tmp_path) == ["photo.png"]


def test_with_a_home_its_settings_of_keras_stay_as_they_are(command, photo, painting, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    done = command(*("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "1", "-o", "a.png"), HOME=str(home))
    assert done.returncode == 0, done.stderr
    assert files(home) == []
