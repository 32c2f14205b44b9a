"""Files are whole or absent, and nobody's file is written through a link."""

import os
import stat
import subprocess
import sys

import pytest

from neurotransfer.system import files
from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.files import TEMPORARY_NAME, atomic_file, new_file, open_part, require_unlinked


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_temporary_names_cannot_be_foreseen(tmp_path):
    with new_file(tmp_path) as (first, _), new_file(tmp_path) as (second, _):
        assert first != second
        assert {path.name for path in tmp_path.iterdir()} == {first.name, second.name}
        assert all(TEMPORARY_NAME.fullmatch(path.name) for path in (first, second))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_a_link_planted_under_the_temporary_name_is_not_opened(tmp_path, monkeypatch, target):
    """As if the name had been guessed: a link to a file, and one to nothing, which would make the file."""
    (tmp_path / "victim").write_bytes(b"precious")
    monkeypatch.setattr(files.secrets, "token_hex", lambda _: "0" * 16)
    planted = tmp_path / f".neurotransfer-{'0' * 16}.tmp"
    planted.symlink_to(target)
    with (
        pytest.raises(NeurotransferError, match="result cannot be written: File exists"),
        atomic_file(tmp_path / "result") as handle,
    ):
        handle.write(b"ours")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists()
    assert planted.is_symlink()
    planted.unlink()
    with atomic_file(tmp_path / "result") as handle:
        handle.write(b"ours")
    assert (tmp_path / "result").read_bytes() == b"ours"


def test_a_link_that_is_replaced_is_not_followed(tmp_path):
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "result").symlink_to("victim")
    with atomic_file(tmp_path / "result") as handle:
        handle.write(b"ours")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "result").is_symlink()
    with pytest.raises(InputError, match="is a link, which --overwrite does not follow"):
        (tmp_path / "link").symlink_to("result")
        require_unlinked(tmp_path / "link")
    require_unlinked(tmp_path / "result")


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_new_files_have_the_permissions_of_the_umask_and_replaced_ones_keep_theirs(tmp_path, umask):
    before = os.umask(umask)
    try:
        for _ in range(2):
            with atomic_file(tmp_path / "result") as handle:
                handle.write(b"ours")
            assert mode(tmp_path / "result") == 0o666 & ~umask
        for kept in (0o600, 0o640, 0o444):
            (tmp_path / "result").chmod(kept)
            with atomic_file(tmp_path / "result") as handle:
                assert mode(next(tmp_path.glob(".*"))) == kept, "never open to more, not even while it is written"
            assert mode(tmp_path / "result") == kept
    finally:
        os.umask(before)


def test_the_folder_is_synced_after_the_renaming(tmp_path, monkeypatch):
    synced = []
    kept = os.fsync

    def fsync(descriptor):
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), (tmp_path / "result").exists()))
        kept(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_file(tmp_path / "result") as handle:
        handle.write(b"ours")
    assert synced == [(False, False), (True, True)]


@pytest.mark.parametrize("plant", ["link", "hard link", "dangling link", "pipe"])
def test_a_part_is_never_opened_through_a_link(tmp_path, plant):
    victim, part = tmp_path / "victim", tmp_path / "a.part"
    victim.write_bytes(b"precious")
    if plant == "pipe":
        os.mkfifo(part)
    elif plant == "hard link":
        part.hardlink_to(victim)
    else:
        part.symlink_to("victim" if plant == "link" else "nowhere")
    with open_part(part) as handle:
        handle.write(b"ours")
    assert victim.read_bytes() == b"precious"
    assert part.read_bytes() == b"ours"
    with open_part(part) as handle:
        handle.write(b", still")
    assert part.read_bytes() == b"ours, still"
    assert not (tmp_path / "nowhere").exists()


def test_a_write_killed_in_the_middle_leaves_the_old_file_and_a_temporary_one(tmp_path):
    (tmp_path / "result").write_bytes(b"old")
    script = (
        "import os, sys; from pathlib import Path; from neurotransfer.system.files import atomic_file\n"
        "with atomic_file(Path(sys.argv[1])) as handle: handle.write(b'new'); handle.flush(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, tmp_path / "result"], check=False).returncode == -9
    assert (tmp_path / "result").read_bytes() == b"old"
    (left,) = tmp_path.glob(".*")
    assert TEMPORARY_NAME.fullmatch(left.name)
