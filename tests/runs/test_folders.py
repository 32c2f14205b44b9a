"""Folders that belong to another run, to somebody else, or to nobody any more."""

import os
import time

from PIL import Image

from tests.runs.conftest import ENDLESS, FOLDER, INPUTS, STEADY, start, wait_for


def test_folder_of_other_files_stays_as_it_is(command, photo, painting, tmp_path):
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


def test_second_run_in_a_folder_is_refused(command, photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *ENDLESS, "-o", "out/")
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


def test_second_run_with_the_same_snapshots_is_refused(command, photo, painting, tmp_path):
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


def test_removed_folder_leaves_the_picture_beside_it(photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *ENDLESS, "-o", "out/")
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
