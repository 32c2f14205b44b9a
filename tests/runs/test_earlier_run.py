"""Which files are a run's is told by their content: others stay, whatever they are called."""

import os
import shutil
import stat

import numpy as np
import pytest
from PIL import Image

from neurotransfer.image_io.saving import save_image
from neurotransfer.runs.earlier_run import files_of_runs, is_abandoned
from neurotransfer.runs.recorder import Recorder
from neurotransfer.runs.run_folder import claim_output, in_folder, release
from neurotransfer.system.errors import InputError
from neurotransfer.system.lock import FolderLock
from neurotransfer.system.size import Size
from tests.runs.conftest import FOLDER, INPUTS, add_step, run_info

SIZE = Size(64, 48)


def made_by_a_run(folder, **options):
    """A folder as a run of one step leaves it."""
    folder.mkdir(parents=True)
    paths = in_folder(folder, 1, FolderLock(folder))
    recorder = Recorder(paths, run_info(**options))
    add_step(recorder)
    recorder.finish("finished")
    release(paths)
    return folder


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("dpi", [None, 300.0])
def test_every_file_of_a_run_is_known(tmp_path, bits, dpi):
    folder = made_by_a_run(tmp_path / "out", bits=bits, dpi=dpi)
    assert sorted(path.name for path in files_of_runs(folder)) == ["0.png", "final.png", "run.json", "state.npz"]


def own_record(path):
    (path / "run.json").write_text('{"my": "own"}')


def numbered_photo(path):
    Image.new("RGB", (40, 30)).save(path / "2019.png")


def final_photo(path):
    save_image(path / "final.png", np.zeros((4, 4, 3), np.float32), {"title": "neurotransfer"})


def own_archive(path):
    np.savez(path / "state.npz", facts=np.zeros(3), image=np.zeros(3))


def empty_state(path):
    (path / "state.npz").touch()


def link_to_a_file_of_a_run(path):
    made_by_a_run(path / "elsewhere")
    (path / "7.png").symlink_to("elsewhere/final.png")


def pipe(path):
    os.mkfifo(path / "final.png")


FOREIGN = [own_record, numbered_photo, final_photo, own_archive, empty_state, link_to_a_file_of_a_run, pipe]


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a run"])
@pytest.mark.parametrize("make", FOREIGN)
def test_overwrite_refuses_a_folder_with_a_file_that_no_run_made(tmp_path, make, beside):
    folder = tmp_path / "out" / FOLDER
    if beside:
        made_by_a_run(folder)
        for name in ("final.png", "run.json", "state.npz"):
            (folder / name).unlink()
    else:
        folder.mkdir(parents=True)
    make(folder)
    before = content(folder) if make is not pipe else None
    with pytest.raises(InputError, match="has the name of a run's file, but no run of this program made it; move it"):
        claim_output(str(tmp_path / "out"), FOLDER, SIZE, overwrite=True)
    assert make is pipe or content(folder) == before
    assert not (folder / "run.lock").exists()


def test_overwrite_removes_what_a_run_made_and_nothing_else(tmp_path):
    folder = made_by_a_run(tmp_path / "out" / FOLDER)
    for name in ("letter.txt", "2019.jpg", ".0123abcd.77.tmp", "final.png.bak"):
        (folder / name).write_text("mine")
    (folder / f".neurotransfer-{'0' * 16}.tmp").write_text("half")
    (tmp_path / "backup.png").hardlink_to(folder / "0.png")
    paths = claim_output(str(tmp_path / "out"), FOLDER, SIZE, overwrite=True)
    assert paths.folder == folder
    left = {".0123abcd.77.tmp", "2019.jpg", "final.png", "final.png.bak", "letter.txt", "run.lock"}
    assert set(content(folder)) == left
    assert (tmp_path / "backup.png").stat().st_size > 0
    release(paths)


def test_the_folder_of_a_stranger_is_refused_by_the_command(command, photo, painting, tmp_path):
    folder = tmp_path / "out" / FOLDER
    folder.mkdir(parents=True)
    own_record(folder)
    numbered_photo(folder)
    before = content(folder)
    done = command("run", *INPUTS, "--size", "48", "--steps", "1", "-o", "out/", "--overwrite")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "but no run of this program made it; move it, or choose another folder." in done.stderr
    assert content(folder) == before


def test_overwrite_keeps_snapshots_that_no_run_made(tmp_path):
    snapshots = tmp_path / "r-snapshots"
    snapshots.mkdir()
    numbered_photo(snapshots)
    with pytest.raises(InputError, match="no run of this program made it"):
        claim_output(str(tmp_path / "r.png"), FOLDER, SIZE, overwrite=True, snapshot_every=1)
    shutil.rmtree(snapshots)
    made_by_a_run(snapshots)
    (snapshots / "final.png").unlink()
    release(claim_output(str(tmp_path / "r.png"), FOLDER, SIZE, overwrite=True, snapshot_every=1))
    assert not snapshots.exists()


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("target", ["victim.png", "nowhere.png"])
def test_overwrite_follows_no_link(tmp_path, target, overwrite):
    (tmp_path / "victim.png").write_bytes(b"precious")
    (tmp_path / "r.png").symlink_to(target)
    sentence = "is a link, which --overwrite does not follow" if overwrite else "exists already and stays as it is"
    with pytest.raises(InputError, match=f"r.png {sentence}"):
        claim_output(str(tmp_path / "r.png"), FOLDER, SIZE, overwrite=overwrite)
    assert (tmp_path / "r.png").is_symlink()
    assert (tmp_path / "victim.png").read_bytes() == b"precious"


def test_overwrite_follows_no_link_to_a_folder(tmp_path):
    elsewhere = made_by_a_run(tmp_path / "elsewhere")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / FOLDER).symlink_to(elsewhere)
    before = content(elsewhere)
    with pytest.raises(InputError, match=f"{FOLDER} is a link, which --overwrite does not follow"):
        claim_output(str(tmp_path / "out"), FOLDER, SIZE, overwrite=True)
    assert content(elsewhere) == before
    (tmp_path / "through").symlink_to("out")
    (tmp_path / "out" / FOLDER).unlink()
    release(claim_output(str(tmp_path / "through"), FOLDER, SIZE, overwrite=True))  # the folder above may be one


def test_the_folder_of_a_run_killed_before_its_first_state_is_taken_over(tmp_path):
    def killed(*names):
        folder = tmp_path / "out" / FOLDER
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "run.lock").write_text(" 4194304")
        for name in names:
            (folder / name).touch()
        return folder

    def claimed():
        paths = claim_output(str(tmp_path / "out"), FOLDER, SIZE)
        release(paths)
        return paths.folder.name

    for names in ((), (f".neurotransfer-{'a' * 16}.tmp",)):
        killed(*names)
        assert claimed() == FOLDER
    for names in (("state.npz",), ("0.png",), ("letter.txt",)):
        folder = killed(*names)
        assert claimed() == f"{FOLDER}-2"
        assert set(content(folder)) == {"run.lock", *names}
    folder = killed()
    owner = FolderLock(folder)
    assert is_abandoned(folder), "but for its owner, which lives"
    assert claimed() == f"{FOLDER}-2"
    owner.release()
    for text in ("mine", ""):
        (killed() / "run.lock").write_text(text)
        assert claimed() == f"{FOLDER}-2"


def test_a_folder_that_cannot_be_locked_is_not_left_behind(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr("filelock.lock_descriptor", refuse)
    with pytest.raises(InputError, match="cannot be locked"):
        claim_output(str(tmp_path / "out"), FOLDER, SIZE)
    with pytest.raises(InputError, match="cannot be locked"):
        claim_output(str(tmp_path / "r.png"), FOLDER, SIZE, snapshot_every=1)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["out"]


@pytest.mark.parametrize("umask", [0o777, 0o400, 0o277])
@pytest.mark.parametrize("output", ["out/", "r.png", "new/r.png"])
def test_a_umask_that_takes_everything_is_found_before_the_run(tmp_path, umask, output):
    before = os.umask(umask)
    try:
        with pytest.raises(InputError, match=r"could not be read by you.*; run: umask 022"):
            claim_output(str(tmp_path / output) + ("/" if output.endswith("/") else ""), FOLDER, SIZE)
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == []
    before = os.umask(0o077)
    try:
        paths = claim_output(str(tmp_path / "private"), FOLDER, SIZE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(paths.folder.stat().st_mode) == 0o700
    release(paths)
