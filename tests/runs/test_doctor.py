"""The doctor: what it finds, the remedies it names, and that a failing check stops no other."""

import json
import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest

from neurotransfer.runs import doctor, installation
from neurotransfer.vgg.cache import folder_to_fill
from neurotransfer.vgg.weights import find_weights, install
from tests.conftest import COMMAND, clean_environment


def problems(check):
    """What a check finds wrong, by the name of the finding."""
    return {finding.name: finding.problem for finding in check()}


def test_on_a_sound_machine_all_is_ok_and_nothing_is_written(command, tmp_path):
    done = command("doctor")
    assert done.returncode == 0, done.stderr
    states = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()}
    assert set(states.values()) == {"ok"}
    assert {"python", "tensorflow", "device", "precision", "memory", "largest", "weights", "cache"} <= set(states)
    assert list(tmp_path.iterdir()) == []


def test_every_problem_is_counted_and_named_with_its_remedy(command, tmp_path, cache):
    cache.mkdir(parents=True)
    (cache / "vgg19-full.json").write_text("{")
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no such luck')")
    done = command("doctor", "--json", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "Error: 3 problems were found; the report says how to mend them.\n"
    report = json.loads(done.stdout)
    findings = report["findings"]
    assert report["problems"] == 3
    assert "no such luck" in findings["tensorflow"]["problem"]
    assert "pip install --force-reinstall" in findings["tensorflow"]["problem"]
    assert "neurotransfer weights remove" in findings["full"]["problem"]
    assert findings["python"]["problem"] is None


def test_modules_of_the_working_folder_are_not_run(command, tmp_path):
    for name in ("json.py", "random.py"):
        (tmp_path / name).write_text("raise RuntimeError('another module')\n")
    done = subprocess.run([COMMAND, "doctor"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "tensorflow" in done.stdout
    assert "another module" not in done.stdout + done.stderr


def test_a_low_address_limit_is_named_as_the_cause():
    line = f"ulimit -v 1000000; exec {COMMAND} doctor"
    done = subprocess.run(["sh", "-c", line], env=clean_environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "addresses are limited to 1.0 GB, of which it needs 2; run: ulimit -v unlimited" in done.stdout
    assert "reinstall" not in done.stdout


def test_a_removed_working_folder_is_a_problem(monkeypatch, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    assert problems(doctor.check_writing)["folder"] is None
    (tmp_path / "gone").rmdir()
    problem = problems(doctor.check_writing)["folder"]
    assert problem == "The working folder was removed: change to another folder."


def test_places_that_cannot_be_written_to_are_named_with_their_remedies(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    found = problems(doctor.check_writing)
    assert "cannot be written to (Permission denied): change to another folder" in found["folder"]
    assert "TMPDIR" in found["temporary"]


def test_a_check_that_raises_becomes_a_problem_and_the_others_run(monkeypatch):
    def fall(*_):
        raise RuntimeError("no memory to be found")

    monkeypatch.setattr(doctor, "allowance", fall)
    monkeypatch.setattr(doctor, "check_tensorflow", lambda: iter(()))
    findings = {finding.name: finding for finding in doctor.examine()}
    assert "RuntimeError: no memory to be found" in findings["memory"].problem
    assert findings["weights"].problem is None


def test_too_little_memory_for_the_default_size_is_a_problem(monkeypatch):
    monkeypatch.setattr(doctor, "allowance", lambda: 0.6e9)
    assert "does not fit: close other programs" in problems(doctor.check_memory)["largest"]


def test_an_archive_that_is_gone_is_a_problem_of_the_full_weights_only(cache):
    with folder_to_fill():
        install(find_weights("builtin"), "mine.npz")
    assert problems(doctor.check_weights) == {"weights": None, "full": None}
    (cache / "vgg19-full.npz").unlink()
    found = problems(doctor.check_weights)
    assert found["weights"] is None, "runs use the built-in ones"
    assert "vgg19-full.npz is gone, though its record is there; run 'neurotransfer weights remove'" in found["full"]


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(installation, "PACKAGES", {"numpy": ("numpy", "numpy.pi"), "no-such-package": ("none", "")})
    found = problems(lambda: installation.check_packages(["numpy", "no-such-package"]))
    assert found == {"numpy": None, "no-such-package": "Run: pip install no-such-package"}


BROKEN = {"raises": "raise ImportError('for another Python')", "empty": "", "ends": "import os; os._exit(3)"}


@pytest.mark.parametrize(
    ("module", "kind"),
    [*(("numpy", kind) for kind in BROKEN), ("PIL", "empty"), ("psutil", "ends"), ("scipy", "raises")],
)
def test_a_package_that_cannot_be_used_is_named_with_its_file(monkeypatch, tmp_path, module, kind):
    (tmp_path / f"{module}.py").write_text(BROKEN[kind])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = problems(lambda: installation.check_packages(["numpy", "scipy", "pillow", "psutil"]))
    name = {"PIL": "pillow"}.get(module, module)
    assert [other for other, problem in found.items() if problem] == [name], "others fail only with it"
    assert found[name].startswith(f"{tmp_path}/{module}.py cannot be used (")
    assert "PYTHONPATH leads there: unset it" in found[name]


def test_remedies_follow_the_place(monkeypatch, tmp_path):
    own = Path(sysconfig.get_path("purelib"), "numpy/__init__.py")
    assert installation._remedy("numpy", str(own)) == "run: pip install --force-reinstall numpy"
    monkeypatch.setattr(installation.site, "getusersitepackages", lambda: str(tmp_path))
    assert "pip uninstall numpy, or set PYTHONNOUSERSITE=1" in installation._remedy("numpy", f"{tmp_path}/numpy.py")
    assert installation._remedy("numpy", "/elsewhere/numpy.py") == "take the file away"


def test_with_a_broken_package_run_names_the_doctor_and_the_doctor_stops(command, photo, painting, tmp_path):
    place = tmp_path / "others"
    place.mkdir()
    (place / "psutil.py").write_text("raise RuntimeError('no such system')\n")
    run = command("run", "-c", photo, "-s", painting, PYTHONPATH=str(place))
    assert run.returncode == 1
    assert run.stderr == (
        "Error: The program failed (RuntimeError: no such system); run 'neurotransfer doctor', and report this if it "
        "finds nothing.\n"
    )
    doctor_says = command("doctor", PYTHONPATH=str(place))
    assert doctor_says.returncode == 1
    assert f"{place}/psutil.py cannot be used (RuntimeError: no such system)" in doctor_says.stdout
    assert doctor_says.stderr == "Error: One problem was found; the report says how to mend it.\n"


def test_without_click_there_is_a_sentence(command, tmp_path):
    (tmp_path / "click.py").write_text("")
    done = command("doctor", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The program cannot be loaded (ModuleNotFoundError: No module named 'click.")
    assert done.stderr.count("\n") == 1


def test_the_doctor_knows_every_package_that_a_run_needs():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    needed = {re.match("[a-z0-9-]+", line)[0] for line in project["dependencies"]}
    assert {name for name in needed if not name.startswith("tensorflow")} == {*installation.PACKAGES}
