"""What --overwrite replaces, and what it does not touch."""

import stat

from neurotransfer.image_io.arrays import load_image
from tests.cli.conftest import QUICK, files


def test_overwrite_replaces_a_file(command, photo, painting, tmp_path):
    (tmp_path / "r.png").write_text("old")
    done = command("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "1", "-o", "r.png", "--overwrite")
    assert done.returncode == 0
    assert load_image(tmp_path / "r.png").shape == (36, 48, 3)


def test_overwriting_a_run_replaces_its_snapshots(command, photo, painting, tmp_path):
    folder = tmp_path / "output" / "photo-painting"
    run = ("run", "-c", photo, "-s", painting, "--size", "48", "--overwrite")
    folder.mkdir(parents=True)
    (folder / "letter.txt").write_text("of somebody else")
    assert command(*run, "--steps", "2", "--snapshot-every", "2").returncode == 0
    assert files(folder) == ["0.png", "2.png", "final.png", "letter.txt", "run.json", "state.npz"]
    (folder / "final.png").chmod(0o600)
    before = (folder / "final.png").read_bytes()
    assert command(*run, "--steps", "1", "--snapshot-every", "0").returncode == 0
    assert files(folder) == ["final.png", "letter.txt", "run.json", "state.npz"]
    assert (folder / "final.png").read_bytes() != before
    assert stat.S_IMODE((folder / "final.png").stat().st_mode) == 0o600


def test_overwrite_does_not_clear_a_folder_that_holds_an_input(command, photo, painting):
    pair = ("run", "-c", photo, "-s", painting, *QUICK, "-o", "out")
    assert command(*pair).returncode == 0
    before = {path: path.read_bytes() for path in (photo.parent / "out").rglob("*") if path.is_file()}
    (final,) = (path for path in before if path.name == "final.png")
    done = command(*pair, "--overwrite", "--init", final)
    assert done.returncode == 2
    assert done.stderr == f"Error: {final} lies in the folder that --overwrite is to clear; copy it elsewhere first.\n"
    assert before == {path: path.read_bytes() for path in before}
    assert command(*pair, "--overwrite").returncode == 0


def test_overwrite_does_not_replace_an_input(command, photo, painting):
    snapshots = photo.with_name("r-snapshots")
    snapshots.mkdir()
    inside = snapshots / "0.png"
    inside.write_bytes(photo.read_bytes())
    for name, line in {
        photo: ("-c", photo, "-s", painting, "-o", photo),
        painting: ("-c", photo, "-s", painting, "-o", painting),
        inside: ("-c", inside, "-s", painting, "-o", photo.with_name("r.png"), "--snapshot-every", "1"),
    }.items():
        before = name.read_bytes()
        done = command("run", *line, "--overwrite", *QUICK)
        assert done.returncode == 2
        assert f"{name} is what --overwrite would replace, and the run needs it" in done.stderr
        assert name.read_bytes() == before
    inside.unlink()
    assert command("run", "-c", photo, "-s", painting, "-o", "r.png", "--overwrite", *QUICK).returncode == 0
