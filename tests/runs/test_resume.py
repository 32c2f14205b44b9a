"""`resume` ends where the unbroken run would have, and refuses what it cannot continue."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from neurotransfer.runs.inputs import Inputs
from neurotransfer.runs.job import Job, prepare
from neurotransfer.runs.recorder import Recorder
from neurotransfer.runs.resume import prepare_resumed
from neurotransfer.runs.run_folder import release
from neurotransfer.runs.runner import run_job
from neurotransfer.system.errors import InputError, NeurotransferError, RunInterruptedError
from neurotransfer.transfer.plan import make_plan
from neurotransfer.transfer.schedule import Schedule, extended
from neurotransfer.transfer.settings import Settings
from neurotransfer.vgg.weights import find_weights
from tests.runs.conftest import FOLDER, INPUTS, STEADY, facts_of, losses, run_info, start, wait_for


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("octaves", [1, 2])
def test_interrupted_and_resumed_run_equals_the_unbroken_one(octaves, optimizer, command, photo, painting, tmp_path):
    """An interruption in the middle, after the change of size if there is one: the same picture byte for byte."""
    size, instant = (("64",), 4) if octaves == 1 else (("722", "--enlarge"), 9)
    if octaves == 2:  # narrow: two sizes in little time
        for path in (photo, painting):
            with Image.open(path) as picture:
                picture.crop((0, 20, 64, 26)).save(path)
    arguments = (
        *("run", *INPUTS, "--precision", "float32", "--save-every", "0.001s", "--tolerance", "0", "--size", *size),
        *("--steps", "12", "--optimizer", optimizer, "--snapshot-every", "1"),
    )
    assert command(*arguments, "-q", "-o", "unbroken/").returncode == 0
    whole, broken = tmp_path / "unbroken" / FOLDER, tmp_path / "broken" / FOLDER
    process = start(tmp_path, *arguments, "-o", "broken/")
    wait_for((broken / f"{instant}.png").exists, process)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert instant < len(losses(broken)) < 13
    sizes = [Image.open(whole / f"{index}.png").width for index in range(13)]
    assert sizes == [64] * 13 if octaves == 1 else [361] * 8 + [722] * 5
    assert (broken / "final.png").read_bytes() != (whole / "final.png").read_bytes()

    done = command("resume", "broken/" + FOLDER)
    assert done.returncode == 0, done.stderr
    assert (broken / "final.png").read_bytes() == (whole / "final.png").read_bytes()
    assert [step["total"] for step in losses(broken)] == [step["total"] for step in losses(whole)]


def test_separate_processes_compute_the_same_bits(tmp_path):
    """In float32, to the last bit: sums of three or more would begin with whichever buffer can be reused."""
    script = (
        "import hashlib, sys; from neurotransfer import Settings, stylize\n"
        "from neurotransfer.system.tensorflow import load_tensorflow; load_tensorflow()\n"
        "*_, last = stylize(*sys.argv[1:3], Settings(size=420, precision='float32', steps=1, optimizer='lbfgs'))\n"
        "print(hashlib.sha256(last.image.tobytes()).hexdigest())"
    )
    images = [Path(__file__).parents[2] / "images" / f"{name}.jpg" for name in ("chelsea_cat", "starry_night")]
    line = [sys.executable, "-c", script, *images]
    found = [subprocess.run(line, capture_output=True, text=True, check=True).stdout for _ in range(4)]
    assert len(set(found)) == 1
    assert len(found[0]) == 65


def test_more_steps_extend_a_finished_run(command, photo, painting, tmp_path):
    command("run", *STEADY, "--steps", "6", "-q", "-o", "out/")
    before = losses(tmp_path / "out" / FOLDER)
    done = command("resume", "out/" + FOLDER, "--more", "6", "--json")
    after = json.loads(done.stdout)["losses"]
    assert [step["step"] for step in after] == list(range(13))
    assert after[:7] == before
    assert after[-1]["total"] < before[-1]["total"]


def test_fewer_added_steps_begin_at_a_lower_rate():
    settings = Settings(size=48, steps=60, learning_rate=8.0)

    def first_rate(more):
        schedule = Schedule(settings, run_info(settings).plan)
        schedule.restore(extended({"index": 60, "counts": [60], "done": [60], "origin": 0}, more))
        return schedule.rate()

    assert first_rate(6) == pytest.approx(0.8)
    assert first_rate(200) == 8.0


SENTENCES = {
    "no folder": (("elsewhere",), "There is no run folder elsewhere; give the folder that a run made."),
    "no state": (
        (".",),
        ". holds no state.npz: it is not a run of this program, or can only be started again.",
    ),
    "finished": (("out/" + FOLDER,), f"The run in out/{FOLDER} is finished; --more 200 adds steps to it."),
    "another setting": (
        ("out/" + FOLDER, "--style-weight", "3"),
        "--style-weight cannot change in a run that is begun; leave it out, or start a new run.",
    ),
    "another setting first": (
        ("--style-weight", "3", "out/" + FOLDER),
        "--style-weight cannot change in a run that is begun; leave it out, or start a new run.",
    ),
    "another flag": (
        ("-s", "other.png", "out/" + FOLDER),
        "--style cannot change in a run that is begun; leave it out, or start a new run.",
    ),
    "a switch": (
        ("out/" + FOLDER, "--no-octaves"),
        "--octaves cannot change in a run that is begun; leave it out, or start a new run.",
    ),
}


@pytest.fixture
def finished(command, photo, painting, tmp_path):
    """The folder of a finished run of one step, relative to that of the command."""
    assert command("run", *STEADY, "--steps", "1", "-q", "-o", "out/").returncode == 0
    return "out/" + FOLDER


def test_wrong_use_is_one_sentence(command, finished):
    for case, (arguments, sentence) in SENTENCES.items():
        done = command("resume", *arguments)
        assert (done.returncode, done.stderr) == (2, f"Error: {sentence}\n"), case
    done = command("resume", finished, "--mroe", "3")
    assert (done.returncode, "--mroe" in done.stderr, done.stderr.count("\n")) == (2, True, 1)


def test_variable_that_shapes_the_picture_is_refused_and_others_may_stay(command, finished):
    variables = {"NEUROTRANSFER_STYLE_WEIGHT": "3", "NEUROTRANSFER_OUTPUT": "elsewhere/"}
    done = command("resume", finished, "--more", "1", **variables)
    sentence = "NEUROTRANSFER_STYLE_WEIGHT cannot change in a run that is begun; unset it, or start a new run."
    assert (done.returncode, done.stderr) == (2, f"Error: {sentence}\n")
    variables.pop("NEUROTRANSFER_STYLE_WEIGHT")
    assert command("resume", finished, "--more", "1", **variables).returncode == 0


@pytest.mark.parametrize("name", ["photo.png", "painting.png"])
def test_changed_picture_is_refused(name, command, finished, tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / name)
    done = command("resume", finished, "--more", "2")
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {name} is not the file that this run began with: SHA-256 ")


def test_truncated_state_is_one_sentence(command, finished, tmp_path):
    state = tmp_path / finished / "state.npz"
    state.write_bytes(state.read_bytes()[:3000])
    done = command("resume", finished, "--more", "2")
    assert (done.returncode, "state.npz is damaged (" in done.stderr, done.stderr.count("\n")) == (1, True, 1)


def test_resume_keeps_plan_and_weights_in_other_surroundings(photo, painting, tmp_path, monkeypatch, caplog):
    """From another folder, with other weights chosen meanwhile and less memory free."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(find_weights("builtin"), tmp_path / "mine.npz")
    settings = Settings(size=64, steps=4, optimizer="lbfgs", precision="float32")
    begun = {}
    for weights in (None, "mine.npz"):
        prepared = prepare(Job(Inputs.of(photo, painting), settings, "out/", weights=weights, max_memory=9e9))
        begun[prepared.paths.folder.absolute()] = prepared
        Recorder(prepared.paths, prepared.info)
        release(prepared.paths)
    monkeypatch.chdir("/")
    monkeypatch.setattr("neurotransfer.runs.job.allowance", lambda: 1.0e8)
    monkeypatch.setattr("neurotransfer.vgg.cache.used_by_runs", lambda: True)
    for folder, prepared in begun.items():
        resumed = prepare_resumed(folder)
        release(resumed.paths)
        assert resumed.plan.to_json() == prepared.plan.to_json()
        assert resumed.plan.max_memory == 9e9
        assert resumed.info.weights.sha256 == prepared.info.weights.sha256
        assert "planned with more memory than there is now" in caplog.text
    assert "plans the run again" not in caplog.text
    assert "cores of the processor" not in caplog.text
    monkeypatch.setattr("neurotransfer.runs.resume.cores", lambda: 77)
    release(prepare_resumed(folder).paths)
    assert "cores of the processor and continues with 77: the picture may not be, bit for bit, the unb" in caplog.text
    release(prepare_resumed(folder, max_memory=8e9).paths)
    assert "--max-memory plans the run again: the picture may not be, bit for bit, the unbroken run's." in caplog.text
    with pytest.raises(NeurotransferError, match=r"this process may take 0\.2 GB"):
        prepare_resumed(folder, max_memory=2e8)


def no_plan(*_, **__):
    raise AssertionError("the run was planned again")


@pytest.fixture
def unfinished(photo, painting, tmp_path, monkeypatch):
    """The folder of a run that was stopped after its first step; no plan can be made any more."""
    settings = Settings(size=48, steps=4, precision="float32", tolerance=0.0)
    prepared = prepare(Job(Inputs.of(photo, painting), settings, str(tmp_path / "out/"), max_memory=9e9))

    def stop(step):
        if step.index == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterruptedError):
        run_job(prepared, stop)
    monkeypatch.setattr("neurotransfer.runs.job.make_plan", no_plan)
    return prepared.paths.folder


def test_resumed_run_reads_its_plan(unfinished):
    prepared = prepare_resumed(unfinished)
    assert json.loads(json.dumps(prepared.plan.to_json())) == facts_of(unfinished / "state.npz")["info"]["plan"]
    result = run_job(prepared)
    assert [step["step"] for step in result.run_log["losses"]] == [0, 1, 2, 3, 4]


def test_resumed_run_with_the_memory_of_its_plan_reads_it(unfinished, caplog):
    release(prepare_resumed(unfinished, max_memory=9e9).paths)
    assert "plans the run again" not in caplog.text


def test_resumed_run_with_other_memory_is_planned_again(unfinished, monkeypatch):
    with pytest.raises(AssertionError, match="planned again"):
        prepare_resumed(unfinished, max_memory=8e9)
    monkeypatch.setattr("neurotransfer.runs.job.make_plan", make_plan)
    prepared = prepare_resumed(unfinished, max_memory=8e9)
    assert prepared.plan.max_memory == 8e9
    assert run_job(prepared).run_log["plan"]["max_memory"] == 8e9


def test_resume_removes_only_temporary_files_of_runs(command, photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    command("run", *STEADY, "--steps", "1", "-q", "-o", "out/")
    for name in (".letter.tmp", ".0123abcd.77.tmp", f".neurotransfer-{'0' * 16}.tmp", f".neurotransfer-{'7' * 16}.tmp"):
        (folder / name).touch()
    assert command("resume", f"out/{FOLDER}", "--more", "1").returncode == 0
    assert sorted(path.name for path in folder.glob(".*")) == [".0123abcd.77.tmp", ".letter.tmp"]


def paint(photo, painting, output):
    """The folder of a finished run of one step, made in this process."""
    settings = Settings(size=48, steps=1, precision="float32")
    return run_job(prepare(Job(Inputs.of(photo, painting), settings, str(output)))).picture.parent


def more(folder):
    return run_job(prepare_resumed(folder, more=1))


@pytest.mark.parametrize("missing", ["run.json", "final.png"])
def test_run_killed_at_its_very_end_gets_what_is_missing(missing, photo, painting, tmp_path):
    """Between the last state and the log, or even the picture: the same bytes, without a step more."""
    folder = paint(photo, painting, tmp_path / "out")
    before, whole = (folder / "final.png").read_bytes(), losses(folder)
    (folder / missing).unlink()
    assert run_job(prepare_resumed(folder)).picture == folder / "final.png"
    assert (folder / "final.png").read_bytes() == before
    assert losses(folder) == whole
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
    with pytest.raises(InputError, match="is finished; --more"):
        prepare_resumed(folder)
    more(folder)
    assert (folder / "final.png").read_bytes() != before


def test_folder_with_one_run_stands_for_it_and_one_with_several_names_them(photo, painting, tmp_path, caplog):
    caplog.set_level("INFO")
    folder, above = paint(photo, painting, tmp_path / "out"), tmp_path / "out"
    more(above)
    assert f"The run is {folder}, the only one in {above}." in caplog.text
    assert len(losses(folder)) == 3
    for number in range(2, 9):
        shutil.copytree(folder, above / f"{FOLDER}-{number}")
    names = ", ".join([FOLDER, *(f"{FOLDER}-{number}" for number in range(2, 6))])
    with pytest.raises(InputError) as caught:
        more(above)
    assert str(caught.value) == f"{above} holds 8 runs ({names}, ...); give the folder of one, such as {folder}."
    assert not list(tmp_path.rglob("run.lock"))


def test_resume_replaces_no_file_that_no_run_made(photo, painting, tmp_path):
    folder = paint(photo, painting, tmp_path / "out")
    shutil.copy(photo, folder / "2019.png")
    with pytest.raises(InputError, match=r"2019\.png has the name of a run's file, but no run of this program made it"):
        more(folder)
    (folder / "2019.png").unlink()
    more(folder)


def test_run_moved_with_its_pictures_is_resumed_and_one_moved_alone_names_the_picture(photo, painting, tmp_path):
    """Paths in the state are relative: they hold for a copy of the whole, and name no folder above it."""
    folder, home = paint(photo, painting, tmp_path / "out"), tmp_path / "whole"
    assert str(tmp_path) not in json.dumps(facts_of(folder / "state.npz"))
    home.mkdir()
    for path in (photo, painting, tmp_path / "out"):
        path.rename(home / path.name)
    more(home / "out" / FOLDER)
    (home / "out" / FOLDER).rename(tmp_path / "alone")
    with pytest.raises(InputError, match="There is no picture"):
        more(tmp_path / "alone")


def test_links_on_the_way_to_a_run_do_not_mislead_its_paths(photo, painting, tmp_path):
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "out").symlink_to("elsewhere/deep")
    paint(photo, painting, tmp_path / "out")
    more(tmp_path / "out" / FOLDER)
    more(tmp_path / "elsewhere" / "deep" / FOLDER)


def test_state_without_permission_is_told_as_that(photo, painting, tmp_path, monkeypatch):
    """Simulated: the tests may run as a user whom no permission stops."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    folder = paint(photo, painting, tmp_path / "out")
    monkeypatch.setattr("neurotransfer.runs.state.open_zip", refuse)
    with pytest.raises(InputError, match=r"state.npz cannot be read \(Permission denied\); make it readable to you\."):
        more(folder)
