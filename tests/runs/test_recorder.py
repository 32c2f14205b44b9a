"""What a run leaves on disk where its places fail it, and how often it saves."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from neurotransfer.runs import recorder as record
from neurotransfer.runs.recorder import Recorder
from neurotransfer.runs.run_folder import OutputPaths, in_folder
from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.lock import FolderLock
from tests.runs.conftest import add_step, run_info


def recorder(paths, **options):
    return Recorder(paths, run_info(**options))


@pytest.mark.parametrize("name", ["final.png", "../final.png", "cat.png"])
def test_next_best_place_always_has_a_name(name, tmp_path, monkeypatch):
    """The working folder is gone, and with it the picture's own place."""
    gone, temporary = tmp_path / "gone" / "below", tmp_path / "temporary"
    gone.mkdir(parents=True)
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(gone)
    shutil.rmtree(gone.parent)
    kept = recorder(OutputPaths(Path(name), Path("snapshots"), 0, None, overwrite=False))
    add_step(kept)
    expected = temporary / Path(name).name
    with pytest.raises(NeurotransferError, match=f"The picture is {expected}[.]$"):
        kept.finish("finished")
    assert expected.is_file()


def test_quota_exceeded_keeps_the_picture(tmp_path, monkeypatch, caplog):
    """What the system says of a quota, it says when a file's content is to be kept."""
    folder, elsewhere = tmp_path / "run", tmp_path / "run.png"
    folder.mkdir()
    kept_there = os.fsync

    def fsync(handle):
        if Path(f"/proc/self/fd/{handle}").readlink().parent == folder:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        kept_there(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    kept = recorder(in_folder(folder, 1, FolderLock(folder)))
    add_step(kept)
    assert "0.png cannot be written: Disk quota exceeded." in caplog.text
    with pytest.raises(NeurotransferError, match=f"Disk quota exceeded.* The picture is {elsewhere}[.]$"):
        kept.finish("finished")
    assert elsewhere.is_file()
    assert [path.name for path in folder.iterdir()] == ["run.lock"]


def test_run_writes_nothing_into_a_folder_that_another_run_made_in_its_place(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(record, "SAVE_SHARE", 1e9)  # a state each step, however long that takes
    folder, aside, elsewhere = tmp_path / "run", tmp_path / "aside", tmp_path / "run.png"
    folder.mkdir()
    first = FolderLock(folder)
    kept = recorder(in_folder(folder, 1, first), save_every=0.0)
    add_step(kept)
    assert (folder / "0.png").is_file()
    folder.rename(aside)
    folder.mkdir()
    second = FolderLock(folder)
    add_step(kept, 1)
    for what in ("snapshot", "state"):
        assert (
            f"The {what} was not saved, the run continues: The folder {folder} was removed or replaced" in caplog.text
        )
    with pytest.raises(NeurotransferError, match=f"removed or replaced .* The picture is {elsewhere}[.]$"):
        kept.finish("finished")
    first.release()
    assert [path.name for path in folder.iterdir()] == ["run.lock"]
    with pytest.raises(InputError, match="in use by another run"):
        FolderLock(folder)
    second.release()
    assert list(folder.iterdir()) == []


def test_log_that_cannot_be_written_names_the_picture(tmp_path):
    folder = tmp_path / "run"
    (folder / "run.json").mkdir(parents=True)
    kept = recorder(in_folder(folder, 0, FolderLock(folder)))
    add_step(kept)
    with pytest.raises(NeurotransferError) as caught:
        kept.finish("finished")
    picture = folder / "final.png"
    assert str(caught.value) == f"{folder}/run.json cannot be written: Is a directory. The picture is {picture}."
    assert picture.is_file()


def test_one_slow_saving_does_not_stretch_the_interval_for_ever(tmp_path, monkeypatch):
    now, taken, saved = [0.0], [10.0], []

    def save(*_):
        saved.append(now[0])
        now[0] += taken[0]

    monkeypatch.setattr(record, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(record, "save_state", save)
    kept = recorder(in_folder(tmp_path, 0, FolderLock(tmp_path)), save_every=30.0)
    taken[0] = 0.1
    for index in range(30):
        now[0] += 10.0
        add_step(kept, index)
    assert saved[:3] == pytest.approx([0.0, 210.0, 240.1])  # ten seconds are a twentieth of two hundred
