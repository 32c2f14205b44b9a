"""Disks that are full and folders that cannot be written to: the picture is kept wherever there is room."""

import resource
import shutil
import subprocess
import time

import pytest
from PIL import Image

from tests.runs.conftest import ENDLESS, FOLDER, STEADY, assert_readable, start, wait_for


@pytest.mark.parametrize(("limit", "code"), [(30_000, 0), (2_000, 1)])
def test_files_that_cannot_grow_are_whole_or_absent(photo, painting, tmp_path, limit, code):
    """As on a full disk: the state (100 kB) fits in neither case, the pictures (8 kB) in the first one."""
    folder = tmp_path / "out" / FOLDER
    process = start(
        tmp_path, "run", *STEADY, "--steps", "3", "--snapshot-every", "1", "-o", "out/",
        limits=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    _, errors = process.communicate()
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert errors.count("The state was not saved, the run continues") == 1
    assert not [path.name for path in folder.iterdir() if path.name.endswith(".tmp")] if folder.exists() else True
    if code == 0:
        assert_readable(folder)
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
def test_full_disk_keeps_the_picture(photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *STEADY, "--steps", "6", "--tolerance", "0", "--snapshot-every", "1", "-o", "out/")
    _, errors = process.communicate()
    assert "Traceback" not in errors
    assert 0 < errors.count("was not saved, the run continues") <= 2  # state and snapshots, each once
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
def test_resume_in_a_read_only_folder_is_refused(command, photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    command("run", *STEADY, "--steps", "1", "-q", "-o", "out/")
    frozen = subprocess.run(["chattr", "+i", folder], capture_output=True, text=True)
    done = command("resume", f"out/{FOLDER}", "--more", "1")
    subprocess.run(["chattr", "-i", folder], capture_output=True)
    if frozen.returncode:
        pytest.skip(f"no folder can be made read-only here: {frozen.stderr.strip()}")
    sentence = "cannot be written to (Operation not permitted); make it writable, or work in a copy of it."
    assert (done.returncode, done.stderr) == (2, f"Error: The folder out/{FOLDER} {sentence}\n")


@pytest.mark.skipif(shutil.which("chattr") is None, reason="there is no chattr")
def test_folder_made_read_only_leaves_the_picture_beside_it(photo, painting, tmp_path):
    """Immutable, since the tests may run as a user whom no permission stops."""
    folder = tmp_path / "out" / FOLDER
    process = start(tmp_path, "run", *ENDLESS, "-o", "out/")
    wait_for(lambda: (folder / "0.png").exists() and (folder / "state.npz").exists(), process)
    frozen = subprocess.run(["chattr", "+i", folder], capture_output=True, text=True)
    time.sleep(0.3)
    process.terminate()
    _, errors = process.communicate()
    subprocess.run(["chattr", "-i", folder], capture_output=True)
    if frozen.returncode:
        pytest.skip(f"no folder can be made read-only here: {frozen.stderr.strip()}")
    assert process.returncode == 1
    assert errors.count("The state was not saved, the run continues") <= 1  # in so short a time, it may not be its turn
    assert f"Error: out/{FOLDER}/final.png cannot be written: Operation not permitted." in errors
    assert f"The picture is out/{FOLDER}.png." in errors
    assert "Traceback" not in errors
    with Image.open(tmp_path / "out" / f"{FOLDER}.png") as picture:
        picture.load()
    assert_readable(folder)
