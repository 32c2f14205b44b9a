"""One process at a time holds a folder; whatever else lies under the lock's name stays as it is."""

import errno
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.lock import NAME, FolderLock

HOLD = """
import sys, time
from pathlib import Path
from neurotransfer.system.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""

TAKE_TURNS = """
import os, sys, time
from pathlib import Path
from neurotransfer.system.errors import InputError
from neurotransfer.system.lock import FolderLock
folder, held = Path(sys.argv[1]), 0
while held < 30:
    try:
        lock = FolderLock(folder)
    except InputError:
        time.sleep(0.0003)
        continue
    (folder / "inside").mkdir()  # fails if another process is inside
    (folder / "inside").rmdir()
    lock.release()
    held += 1
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_file_names_the_owner_and_is_removed_on_release(tmp_path):
    lock = FolderLock(tmp_path)
    assert (tmp_path / NAME).read_text().strip() == str(os.getpid())
    lock.require()
    lock.release()
    assert list(tmp_path.iterdir()) == []
    lock.release()  # a second time changes nothing
    FolderLock(tmp_path).release()


def test_the_second_process_is_refused_and_told_who_holds_the_folder(tmp_path, holder):
    with pytest.raises(InputError, match=f"^{tmp_path} is in use by another run \\(process {holder.pid}\\); wait for"):
        FolderLock(tmp_path)
    assert (tmp_path / NAME).read_text().strip() == str(holder.pid)


def test_a_killed_process_keeps_nobody_out(tmp_path, holder, caplog):
    holder.kill()
    holder.wait()
    with caplog.at_level(logging.INFO):
        lock = FolderLock(tmp_path)
    assert f"The run of process {holder.pid} in {tmp_path} did not end by itself." in caplog.text
    assert (tmp_path / NAME).read_text().strip() == str(os.getpid())
    lock.release()


def test_four_processes_are_never_inside_at_once(tmp_path):
    processes = [
        subprocess.Popen([sys.executable, "-c", TAKE_TURNS, tmp_path], stderr=subprocess.PIPE) for _ in range(4)
    ]
    assert [process.communicate(timeout=60)[1] for process in processes] == [b""] * 4
    assert list(tmp_path.iterdir()) == []


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    path.with_name("precious").write_text("12345")
    path.symlink_to("precious")


def hard_link(path: Path) -> None:
    path.with_name("number").write_text("12345")
    path.hardlink_to(path.with_name("number"))


def dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def text(path: Path) -> None:
    path.write_text("12345 reasons")


def long_number(path: Path) -> None:
    path.write_text("1234567890" * 4 + " digits of another program")


def spaces(path: Path) -> None:
    path.write_text("  \n")


@pytest.mark.parametrize(
    "make", [pipe, link, hard_link, dangling_link, unix_socket, text, long_number, spaces, Path.mkdir]
)
def test_what_is_not_our_lock_stays_as_it_is(tmp_path, make):
    path = tmp_path / NAME
    make(path)
    before, others = path.lstat(), sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=f"^{path} is no lock of this program and stays as it is; move it"):
        FolderLock(tmp_path)
    after = path.lstat()
    assert (after.st_ino, after.st_mode, after.st_size) == (before.st_ino, before.st_mode, before.st_size)
    assert sorted(tmp_path.iterdir()) == others, "nothing was made through a link"


def test_a_removed_or_replaced_folder_is_noticed_and_left_alone(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    lock = FolderLock(folder)
    folder.rename(tmp_path / "aside")
    with pytest.raises(NeurotransferError, match="was removed or replaced"):
        lock.require()
    folder.mkdir()
    (folder / NAME).write_text("another's")
    with pytest.raises(NeurotransferError, match="was removed or replaced"):
        lock.require()
    lock.release()
    assert (folder / NAME).read_text() == "another's"


def test_a_folder_that_is_gone_cannot_be_locked(tmp_path):
    with pytest.raises(InputError, match=r"gone cannot be written to \(No such file or directory\); make it writable"):
        FolderLock(tmp_path / "gone")


def refusing(number):
    """A file system that answers so when it is asked for a lock."""

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_and_used(tmp_path, monkeypatch, caplog, number):
    monkeypatch.setattr(filelock, "lock_descriptor", refusing(number))
    lock = FolderLock(tmp_path)
    lock.require()
    assert f"{tmp_path} cannot be locked ({os.strerror(number)}): let no other run work in it meanwhile." in caplog.text
    lock.release()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"cannot be locked \(.*\); choose another folder"):
        FolderLock(tmp_path, strict=True)


def test_another_failure_to_lock_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(filelock, "lock_descriptor", refusing(errno.EIO))
    with pytest.raises(InputError, match=r"cannot be locked \(Input/output error\); choose another folder"):
        FolderLock(tmp_path)
