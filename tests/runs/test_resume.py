"""Interruptions of every kind: what is on disk is whole, and `resume` ends where the unbroken run would have."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurotransfer.runs import resume
from neurotransfer.runs.job import Job, prepare
from neurotransfer.runs.recorder import Recorder
from neurotransfer.runs.run_folder import release
from neurotransfer.runs.runner import private
from neurotransfer.runs.state import VERSION
from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.evaluation import Losses
from neurotransfer.transfer.schedule import Pace, extended
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.stylize import Step
from neurotransfer.vgg.weights import find_weights
from tests.conftest import COMMAND, clean_environment

FOLDER = "photo-painting"
INPUTS = ("-c", "photo.png", "-s", "painting.png")
STEADY = (*INPUTS, "--size", "64", "--precision", "float32", "--save-every", "0.001s")


def start(tmp_path, *arguments, limits=None):
    return subprocess.Popen(
        [COMMAND, *arguments],
        cwd=tmp_path,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=limits,
    )


def wait_for(condition, process=None, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        assert process is None or process.poll() is None, process.stderr.read()
        time.sleep(0.005)


def losses(folder):
    return json.loads((folder / "run.json").read_text())["losses"]


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("octaves", [1, 2])
def test_a_broken_run_ends_as_the_unbroken_one(octaves, optimizer, command, photo, painting, tmp_path):
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


def test_every_process_makes_the_same_picture(tmp_path):
    """In float32, to the last bit: sums of three or more would begin with whichever buffer can be reused."""
    script = (
        "import hashlib, sys; from neurotransfer import Settings, stylize\n"
        "*_, last = stylize(*sys.argv[1:3], Settings(size=420, precision='float32', steps=1, optimizer='lbfgs'))\n"
        "print(hashlib.sha256(last.image.tobytes()).hexdigest())"
    )
    images = [Path(__file__).parents[2] / "images" / f"{name}.jpg" for name in ("chelsea_cat", "starry_night")]
    line = [sys.executable, "-c", script, *images]
    found = [subprocess.run(line, capture_output=True, text=True, check=True).stdout for _ in range(4)]
    assert len(set(found)) == 1
    assert len(found[0]) == 65


def test_more_updates_for_a_finished_run(command, photo, painting, tmp_path):
    command("run", *STEADY, "--steps", "6", "-q", "-o", "out/")
    before = losses(tmp_path / "out" / FOLDER)
    done = command("resume", "out/" + FOLDER, "--more", "6", "--json")
    after = json.loads(done.stdout)["losses"]
    assert [step["step"] for step in after] == list(range(13))
    assert after[:7] == before
    assert after[-1]["total"] < before[-1]["total"]


def test_added_updates_are_the_gentler_the_fewer():
    def first_rate(more):
        pace = Pace(Settings(steps=60, learning_rate=8.0), [1.0])
        pace.restore(extended({"index": 60, "counts": [60], "done": [60], "origin": 0}, more))
        return pace.rate()

    assert first_rate(6) == pytest.approx(0.8)
    assert first_rate(200) == 8.0


SENTENCES = {
    "no folder": (("elsewhere",), "There is no run folder elsewhere; give the folder that a run made."),
    "no state": (
        (".",),
        ". holds no state.npz: no run of this program, or one that can only be begun anew.",
    ),
    "finished": (("out/" + FOLDER,), f"The run in out/{FOLDER} is finished; --more 200 adds updates to it."),
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


def test_sentences(command, photo, painting, tmp_path):
    command("run", *STEADY, "--steps", "1", "-q", "-o", "out/")
    for case, (arguments, sentence) in SENTENCES.items():
        done = command("resume", *arguments)
        assert (done.returncode, done.stderr) == (2, f"Error: {sentence}\n"), case
    done = command("resume", "out/" + FOLDER, "--mroe", "3")
    assert (done.returncode, "--mroe" in done.stderr, done.stderr.count("\n")) == (2, True, 1)
    variable = {"NEUROTRANSFER_STYLE_WEIGHT": "3", "NEUROTRANSFER_OUTPUT": "elsewhere/"}
    done = command("resume", "out/" + FOLDER, "--more", "1", **variable)
    sentence = "NEUROTRANSFER_STYLE_WEIGHT cannot change in a run that is begun; unset it, or start a new run."
    assert (done.returncode, done.stderr) == (2, f"Error: {sentence}\n")
    variable.pop("NEUROTRANSFER_STYLE_WEIGHT")
    assert command("resume", "out/" + FOLDER, "--more", "1", **variable).returncode == 0
    Image.new("RGB", (64, 48)).save(tmp_path / "photo.png")
    done = command("resume", "out/" + FOLDER, "--more", "2")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: photo.png is not the file that this run began with: SHA-256 ")
    state = tmp_path / "out" / FOLDER / "state.npz"
    state.write_bytes(state.read_bytes()[:3000])
    done = command("resume", "out/" + FOLDER, "--more", "2")
    assert (done.returncode, "cannot be read" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def rewritten(state, facts):
    """Put other facts into a state."""
    with np.load(state) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez(state, **arrays | {"facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)})


def facts_of(state):
    with np.load(state) as archive:
        return json.loads(archive["facts"].tobytes())


def test_damaged_states(photo, painting, tmp_path, monkeypatch):
    """Whatever bit is flipped and whatever is missing: one sentence, or a state as good as before."""
    monkeypatch.chdir(tmp_path)
    prepared = prepare(Job(photo, painting, Settings(size=48, steps=4, precision="float32"), "out/"))
    folder = prepared.plan.folder
    image = np.zeros((36, 48, 3), np.float32)
    pace = {"index": 1, "counts": [4], "done": [1], "origin": 0}
    recorder = Recorder(prepared.plan, prepared.facts, private(prepared))
    recorder.add(Step(1, image, Losses(1.0, 1.0, 1.0), None, lambda: Checkpoint(0, image, {}, pace)))
    recorder.finish("stopped")
    release(prepared.plan)
    state = folder / "state.npz"
    good, facts = state.read_bytes(), facts_of(state)
    assert resume.prepare_resumed(folder).earlier.checkpoint.pace == pace
    (folder / "run.lock").unlink()

    def refused():
        with pytest.raises(InputError) as caught:
            release(resume.prepare_resumed(folder).plan)
        assert str(caught.value).count("\n") == 0
        assert not (folder / "run.lock").exists()
        return str(caught.value)

    for broken in (
        [],
        "facts",
        {"version": VERSION},
        facts | {"octave": 7},
        facts | {"pace": 3},
        facts | {"record": []},
    ):
        rewritten(state, broken)
        assert "state.npz cannot be read (" in refused(), broken
    for name in set(facts) - {"version"}:
        rewritten(state, {key: value for key, value in facts.items() if key != name})
        assert f"cannot be read (KeyError: '{name}'); the run can only be begun anew." in refused()
    rewritten(state, facts | {"version": 1})
    assert refused().endswith(f"state.npz is of version 1, expected {VERSION}: made by another version of the program.")

    generator = random.Random(3)
    for _ in range(150):  # half of them in the archive's directory, at its end
        data = bytearray(good)
        data[generator.randrange(len(data) - generator.choice([400, len(data)]), len(data))] ^= (
            1 << generator.randrange(8)
        )
        state.write_bytes(data)
        with suppress(InputError):
            release(resume.prepare_resumed(folder).plan)


def test_the_memory_plan_and_the_weights_are_those_of_the_beginning(photo, painting, tmp_path, monkeypatch, caplog):
    """From another folder, with other weights chosen meanwhile and less memory free."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(find_weights("builtin"), tmp_path / "mine.npz")
    settings = Settings(size=64, steps=4, optimizer="lbfgs", precision="float32")
    begun = {}
    for weights in (None, "mine.npz"):
        prepared = prepare(Job(photo, painting, settings, "out/", weights=weights, max_memory=9e9))
        begun[prepared.plan.folder.absolute()] = prepared
        Recorder(prepared.plan, prepared.facts, private(prepared))
        release(prepared.plan)
    monkeypatch.chdir("/")
    monkeypatch.setattr("neurotransfer.runs.job.allowance", lambda: 1.0e8)
    monkeypatch.setattr("neurotransfer.vgg.cache.used_by_runs", lambda: True)
    for folder, prepared in begun.items():
        resumed = resume.prepare_resumed(folder)
        release(resumed.plan)
        assert resumed.max_memory == 9e9
        assert resumed.facts["weights"]["sha256"] == prepared.facts["weights"]["sha256"]
        assert "planned with more memory than there is now" in caplog.text
    assert "plans the run anew" not in caplog.text
    assert "cores of the processor" not in caplog.text
    monkeypatch.setattr("neurotransfer.runs.resume.cores", lambda: 77)
    release(resume.prepare_resumed(folder).plan)
    assert "cores of the processor and goes on with 77: the picture may not be, bit for bit, the unb" in caplog.text
    release(resume.prepare_resumed(folder, max_memory=8e9).plan)
    assert "--max-memory plans the run anew: the picture may not be, bit for bit, the unbroken run's." in caplog.text
    with pytest.raises(NeurotransferError, match=r"this process may take 0\.2 GB"):
        resume.prepare_resumed(folder, max_memory=2e8)


def test_a_wrong_folder_stays_as_it_is(command, photo, painting, tmp_path):
    """Without a state nothing is touched; with one, a lock file that is not ours stays, and what a link leads to."""
    precious = tmp_path / "precious.txt"
    precious.write_text("12345 reasons")
    own, linked, piped = tmp_path / "own", tmp_path / "linked", tmp_path / "piped"
    for folder in (own, linked, piped):
        folder.mkdir()
    (own / "run.lock").write_text("mine")
    (linked / "run.lock").symlink_to(precious)
    os.mkfifo(piped / "run.lock")
    for folder in ("own", "linked", "piped"):
        done = command("resume", folder)
        assert (done.returncode, done.stderr.startswith(f"Error: {folder} holds no state.npz: ")) == (2, True)
        (tmp_path / folder / "state.npz").touch()
        for arguments in (("resume", folder), ("run", *INPUTS, "-o", "runs/", "--overwrite")):
            (tmp_path / "runs").mkdir(exist_ok=True)
            if arguments[0] == "run":
                (tmp_path / folder).rename(tmp_path / "runs" / FOLDER)
            done = command(*arguments)
            if arguments[0] == "run":
                (tmp_path / "runs" / FOLDER).rename(tmp_path / folder)
            place = folder if arguments[0] == "resume" else f"runs/{FOLDER}"
            sentence = f"{place}/run.lock is no lock of this program and stays as it is; move it, or choose another"
            assert (done.returncode, done.stderr) == (2, f"Error: {sentence} folder.\n")
    assert (own / "run.lock").read_text() == "mine"
    assert (linked / "run.lock").is_symlink()
    assert (piped / "run.lock").is_fifo()
    assert precious.read_text() == "12345 reasons"


def test_only_a_runs_own_left_overs_are_removed(command, photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    command("run", *STEADY, "--steps", "1", "-q", "-o", "out/")
    for name in (".letter.tmp", ".0123abcd.77.tmp", ".89efabcd.7.tmp"):
        (folder / name).touch()
    assert command("resume", f"out/{FOLDER}", "--more", "1").returncode == 0
    assert [path.name for path in folder.glob(".*")] == [".letter.tmp"]


def test_overwriting_a_killed_run_takes_its_snapshots_along(command, photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(
        tmp_path, "run", *STEADY, "--steps", "5000", "--tolerance", "0", "--snapshot-every", "1", "-o", "out/"
    )
    wait_for((folder / "7.png").exists, process)
    process.kill()
    process.wait()
    assert not (folder / "run.json").exists()
    done = command("run", *STEADY, "--steps", "1", "--snapshot-every", "1", "-o", "out/", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.glob("*.png")) == ["0.png", "1.png", "final.png"]


@pytest.mark.skipif(shutil.which("chattr") is None, reason="there is no chattr")
def test_a_folder_that_cannot_be_written_to(command, photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    command("run", *STEADY, "--steps", "1", "-q", "-o", "out/")
    frozen = subprocess.run(["chattr", "+i", folder], capture_output=True, text=True)
    done = command("resume", f"out/{FOLDER}", "--more", "1")
    subprocess.run(["chattr", "-i", folder], capture_output=True)
    if frozen.returncode:
        pytest.skip(f"no folder can be made read-only here: {frozen.stderr.strip()}")
    sentence = "cannot be written to (Operation not permitted); make it writable, or work in a copy of it."
    assert (done.returncode, done.stderr) == (2, f"Error: The folder out/{FOLDER} {sentence}\n")


def whole(folder):
    """Every file that does not bear a temporary name can be read to its end."""
    for path in folder.iterdir():
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
        else:
            assert path.name == "run.lock" or path.name.endswith(".tmp"), path.name


def test_killed_at_twenty_instants(command, photo, painting, tmp_path):
    """The run and its resumptions are killed, half while they start, half while they step and save every step."""
    generator = random.Random(5)
    folder = tmp_path / "out" / FOLDER
    state = folder / "state.npz"
    arguments = ("run", *STEADY, "--steps", "5000", "--tolerance", "0", "--snapshot-every", "1", "-o", "out/")
    for kill in range(20):
        if state.exists():
            process = start(tmp_path, "resume", f"out/{FOLDER}", "--save-every", "0.001s")
        else:
            shutil.rmtree(folder, ignore_errors=True)
            process = start(tmp_path, *arguments)
        if kill % 2:
            before = state.stat().st_mtime_ns if state.exists() else 0
            wait_for(lambda: state.exists() and state.stat().st_mtime_ns > before + 1, process)  # noqa: B023
            time.sleep(generator.uniform(0.0, 0.3))
        else:
            time.sleep(generator.uniform(0.1, 1.5))
        process.kill()
        process.wait()
        if folder.exists():
            whole(folder)
    reached = max(int(path.stem) for path in folder.glob("*.png"))  # the state may lag behind the snapshots
    process = start(tmp_path, "resume", f"out/{FOLDER}")
    wait_for((folder / f"{reached + 3}.png").exists, process)
    process.terminate()
    assert process.wait() == 143
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".png") == ["run.json", "state.npz"]
    assert [step["step"] for step in losses(folder)] == list(range(len(losses(folder))))
    assert len(losses(folder)) > reached > 0


def test_the_second_run_in_a_folder_is_told(command, photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *STEADY, "--steps", "5000", "--tolerance", "0", "-o", "out/")
    wait_for(lambda: (folder / "state.npz").exists(), process)
    sentence = f"out/{FOLDER} is in use by another run (process {process.pid}); wait for its end, or choose another"
    for arguments in (("resume", f"out/{FOLDER}"), ("run", *STEADY, "-o", "out/", "--overwrite")):
        done = command(*arguments)
        assert done.returncode == 2
        assert done.stderr == f"Error: {sentence} folder.\n"
    process.kill()
    process.wait()
    assert (folder / "run.lock").exists()  # a stale one
    done = command("run", *STEADY, "--steps", "1", "-o", "out/", "--overwrite")
    assert done.returncode == 0
    assert f"The run of process {process.pid} in out/{FOLDER} did not end by itself." in done.stderr
    assert not (folder / "run.lock").exists()


def test_the_second_run_with_the_same_snapshots_is_told(command, photo, painting, tmp_path):
    arguments = ("run", *STEADY, "--tolerance", "0", "--snapshot-every", "1", "-o", "r.png")
    process = start(tmp_path, *arguments, "--steps", "5000")
    wait_for((tmp_path / "r-snapshots" / "run.lock").exists, process)
    done = command(*arguments, "--steps", "1")
    assert (done.returncode, done.stderr.startswith("Error: r-snapshots exists already and stays as it is; ")) == (
        2,
        True,
    )
    done = command(*arguments, "--steps", "1", "--overwrite")
    sentence = f"r-snapshots is in use by another run (process {process.pid}); wait for its end, or choose another"
    assert (done.returncode, done.stderr) == (2, f"Error: {sentence} folder.\n")
    process.terminate()
    assert process.wait() == 143
    assert (tmp_path / "r.png").exists()
    assert not (tmp_path / "r-snapshots" / "run.lock").exists()


def test_a_folder_that_vanishes_leaves_the_picture_beside_it(photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *STEADY, "--steps", "5000", "--tolerance", "0", "-o", "out/")
    wait_for(lambda: (folder / "0.png").exists(), process)
    folder.rename(tmp_path / "gone")  # at once: a file written amid a removal would fail it
    time.sleep(0.3)
    process.terminate()
    _, errors = process.communicate()
    assert process.returncode == 1
    assert f"Error: The folder out/{FOLDER} was removed or replaced while the run went on. " in errors
    assert f"The picture is out/{FOLDER}.png." in errors
    assert "Traceback" not in errors
    with Image.open(tmp_path / "out" / f"{FOLDER}.png") as picture:
        picture.load()


def test_ctrl_c_after_the_readers_end_saves_the_state(photo, painting, tmp_path):
    """As of ``neurotransfer run ... 2>&1 | tee log``, where Ctrl-C ends both."""
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *INPUTS, "--size", "64", "--steps", "5000", "--tolerance", "0", "-o", "out/")
    wait_for(lambda: (folder / "40.png").exists(), process)
    process.stderr.close()
    time.sleep(5.5)  # a line every five seconds
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert json.loads((folder / "run.json").read_text())["status"].startswith("stopped: Interrupted at step ")
    with np.load(folder / "state.npz") as state:
        assert "image" in state


@pytest.mark.parametrize(("limit", "code"), [(30_000, 0), (2_000, 1)])
def test_files_that_cannot_grow(photo, painting, tmp_path, limit, code):
    """As on a full disk: the state (100 kB) fits in neither case, the pictures (8 kB) in the first one."""
    folder = tmp_path / "out" / FOLDER
    process = start(
        tmp_path, "run", *STEADY, "--steps", "3", "--snapshot-every", "1", "-o", "out/",
        limits=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    _, errors = process.communicate()
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert errors.count("The state was not saved, the run goes on") == 1
    assert not [path.name for path in folder.iterdir() if path.name.endswith(".tmp")] if folder.exists() else True
    if code == 0:
        whole(folder)
        assert (folder / "final.png").exists()
    else:
        assert "final.png cannot be written: File too large." in errors
        assert "No place was left." in errors
        assert not list(tmp_path.rglob("final.png"))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 60 kB on ``out``, for who may mount one: a state has 100 kB, a picture 8."""
    place = tmp_path / "out"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", place]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield
    subprocess.run(["umount", "--lazy", place], capture_output=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount")
@pytest.mark.usefixtures("small_disk")
def test_a_full_disk(photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *STEADY, "--steps", "6", "--tolerance", "0", "--snapshot-every", "1", "-o", "out/")
    _, errors = process.communicate()
    assert "Traceback" not in errors
    assert 0 < errors.count("was not saved, the run goes on") <= 2  # state and snapshots, each once
    assert "No space left on device" in errors
    assert not list(folder.glob("*.tmp"))
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
    # The snapshots have taken the room: the last picture lies there or elsewhere, and the run says where.
    if process.returncode:
        assert process.returncode == 1
        assert f"The picture is {tmp_path / FOLDER}.png." in errors
        assert (tmp_path / f"{FOLDER}.png").exists()
    else:
        assert (folder / "final.png").exists()


@pytest.mark.skipif(shutil.which("chattr") is None, reason="there is no chattr")
def test_a_folder_made_read_only(photo, painting, tmp_path):
    """Immutable, since the tests may run as a user whom no permission stops."""
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *STEADY, "--steps", "5000", "--tolerance", "0", "-o", "out/")
    wait_for(lambda: (folder / "0.png").exists() and (folder / "state.npz").exists(), process)
    frozen = subprocess.run(["chattr", "+i", folder], capture_output=True, text=True)
    time.sleep(0.3)
    process.terminate()
    _, errors = process.communicate()
    subprocess.run(["chattr", "-i", folder], capture_output=True)
    if frozen.returncode:
        pytest.skip(f"no folder can be made read-only here: {frozen.stderr.strip()}")
    assert process.returncode == 1
    assert errors.count("The state was not saved, the run goes on") <= 1  # in so short a time, it may not be its turn
    assert f"Error: out/{FOLDER}/final.png cannot be written: Operation not permitted." in errors
    assert f"The picture is out/{FOLDER}.png." in errors
    assert "Traceback" not in errors
    with Image.open(tmp_path / "out" / f"{FOLDER}.png") as picture:
        picture.load()
    whole(folder)


def test_nohup_outlives_its_terminal(photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(
        tmp_path, "run", *STEADY, "--steps", "5000", "--tolerance", "0", "--snapshot-every", "1", "-o", "out/",
        limits=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    wait_for((folder / "2.png").exists, process)
    os.kill(process.pid, signal.SIGHUP)
    reached = len(list(folder.glob("*.png")))
    wait_for((folder / f"{reached + 3}.png").exists, process)
    process.terminate()
    assert process.wait() == 143


def test_hang_up_saves(photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *STEADY, "--steps", "5000", "--tolerance", "0", "-o", "out/")
    wait_for(lambda: (folder / "0.png").exists(), process)
    os.kill(process.pid, signal.SIGHUP)
    assert process.wait() == 129
    assert (folder / "final.png").exists()
    whole(folder)
