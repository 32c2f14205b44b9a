"""Whole runs through the installed command: files, reports, exit codes."""

import json
import re
import signal
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

from neurotransfer.image_io.arrays import load_image
from neurotransfer.runs.run_folder import run_name
from tests.cli.conftest import QUICK, files
from tests.conftest import COMMAND, clean_environment


def test_run_into_a_folder_writes_picture_snapshots_log_and_state(command, photo, painting, tmp_path):
    done = command("run", "-c", photo, "-s", painting, *QUICK)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "output" / "photo-painting"
    assert files(folder) == ["0.png", "2.png", "4.png", "final.png", "run.json", "state.npz"]
    assert done.stdout.splitlines()[-1].endswith("s: output/photo-painting/final.png")
    assert [line.split()[:2] for line in done.stderr.splitlines()] == [["step", "0/4"], ["step", "4/4"]]
    text = (folder / "run.json").read_text()
    assert str(tmp_path) not in text
    log = json.loads(text)
    assert log["status"] == "finished"
    assert log["inputs"]["content"]["file"] == "photo.png"
    assert [style["file"] for style in log["inputs"]["styles"]] == ["painting.png"]
    assert log["size"] == [48, 36]
    assert log["settings"]["steps"] == 4
    assert log["precision"] in ("float32", "bfloat16")
    assert [row["step"] for row in log["losses"]] == [0, 1, 2, 3, 4]
    assert log["peak_memory_mb"] > 100
    with Image.open(folder / "final.png") as picture:
        assert picture.size == (48, 36)
        chunk = picture.text["neurotransfer"]
    assert json.loads(chunk)["settings"] == log["settings"]
    assert str(tmp_path) not in chunk
    assert np.array_equal(load_image(folder / "final.png"), load_image(folder / "4.png"))
    assert not np.array_equal(load_image(folder / "final.png"), load_image(folder / "2.png"))

    again = command("run", "-c", photo, "-s", painting, *QUICK)
    assert again.stdout.splitlines()[-1].endswith("output/photo-painting-2/final.png")
    first, second = (tmp_path / "output" / name / "final.png" for name in ("photo-painting", "photo-painting-2"))
    assert np.array_equal(load_image(first), load_image(second))


def test_a_mask_shapes_the_picture_and_is_found_again_by_resume(command, photo, painting, tmp_path):
    mask = Image.new("L", (64, 48))
    mask.paste(255, (0, 0, 20, 48))
    mask.save(tmp_path / "mask.png")
    run = ("run", "-q", "-c", photo, "-s", painting, *QUICK, "--protect")
    for protect in ("mask.png", "none"):
        assert command(*run, protect).returncode == 0
    masked, plain = (tmp_path / "output" / name for name in ("photo-painting", "photo-painting-2"))
    log, other = (json.loads((folder / "run.json").read_text()) for folder in (masked, plain))
    assert log["inputs"]["protect"]["file"] == "mask.png"
    assert log["protected"] == {"share": pytest.approx(20 / 64, abs=0.01), "faces": []}
    assert other["protected"] == {"share": 0.0, "faces": []}
    assert not np.array_equal(load_image(masked / "final.png"), load_image(plain / "final.png"))
    assert command("resume", masked, "--more", "1", "-q").returncode == 0
    assert json.loads((masked / "run.json").read_text())["protected"] == log["protected"]
    mask.save(tmp_path / "mask.png", compress_level=0)
    changed = command("resume", masked, "--more", "1", "-q")
    assert changed.returncode == 2
    assert "mask.png is not the file that this run began with" in changed.stderr


@pytest.mark.parametrize("letter", ["a", "猫", "🎨"])
def test_long_names_of_wide_letters_fit_into_a_folder_name(letter, tmp_path):
    name = run_name(tmp_path / f"{letter * 63}.png", tmp_path / f"{letter * 63}.jpg")
    assert len(name.encode()) == 121
    (tmp_path / name).mkdir()


def test_run_into_a_file_leaves_that_file_and_nothing_else(command, photo, painting, tmp_path):
    before = files(tmp_path)
    done = command("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "2", "-o", "new/result.jpg", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(set(files(tmp_path)) - set(before)) == ["new/result.jpg"]


def test_folder_without_snapshots_has_its_picture(command, photo, painting, tmp_path):
    done = command("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "1", "--snapshot-every", "0")
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "output" / "photo-painting") == ["final.png", "run.json", "state.npz"]


def test_snapshots_of_a_run_into_a_file_lie_beside_it(command, photo, painting, tmp_path):
    done = command("run", "-c", photo, "-s", painting, *QUICK, "-o", "r.png")
    assert done.returncode == 0
    assert files(tmp_path / "r-snapshots") == ["0.png", "2.png", "4.png"]


def test_time_budget_reduces_the_steps(command, photo, painting, tmp_path):
    begun = time.monotonic()
    arguments = ("--size", "64", "--steps", "100000", "--time-budget", "6s", "-o", "r.png", "--json")
    report = json.loads(command("run", "-c", photo, "-s", painting, *arguments).stdout)
    assert time.monotonic() - begun < 20  # twice the budget and more: machines are shared
    assert report["status"] == "finished"
    assert 2 <= report["losses"][-1]["step"] < 99_000


def test_early_stop_is_reported(command, photo, painting):
    done = command("run", "-c", photo, "-s", painting, "--size", "48", "--tolerance", "200", "-o", "r.png")
    assert re.search(
        r"^Step 1 changes the picture by \S+ of 255: this size is done\.$", done.stderr, flags=re.MULTILINE
    )
    assert done.returncode == 0


def test_large_picture_is_painted_small_first(command, photo, painting, tmp_path):
    arguments = ("--size", "800", "--enlarge", "--steps", "10", "--snapshot-every", "6")
    assert command("run", "-c", photo, "-s", painting, *arguments).returncode == 0
    folder = tmp_path / "output" / "photo-painting"
    sizes = {name: load_image(folder / f"{name}.png").shape[:2] for name in ("0", "6", "final")}
    assert sizes == {"0": (300, 400), "6": (300, 400), "final": (600, 800)}


def test_options_are_read_from_the_environment_and_reported_as_json(command, photo, painting, tmp_path):
    done = command(
        "run",
        "--json",
        *("-o", "r.png"),
        NEUROTRANSFER_CONTENT=str(photo),
        NEUROTRANSFER_STYLE=str(painting),
        NEUROTRANSFER_SIZE="48",
        NEUROTRANSFER_STEPS="1",
        NEUROTRANSFER_STYLE_LAYER="conv1_1=0.5 conv2_1",
    )
    report = json.loads(done.stdout)
    assert report["picture"] == "r.png"
    assert report["settings"]["size"] == 48
    assert report["settings"]["style_layers"] == {"conv1_1": 0.5, "conv2_1": 0.5}
    assert report["losses"][-1]["step"] == 1


def test_loss_that_is_not_finite_keeps_the_last_good_picture(command, photo, painting, tmp_path):
    done = command(
        *("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "5", "--learning-rate", "1e12", "--no-clip")
    )
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert re.match(r"Error: The (content|style) loss became (nan|inf) at step 1; expected a finite number\.", error)
    assert error.endswith("The picture so far is output/photo-painting/final.png.")
    assert "Traceback" not in done.stderr
    folder = tmp_path / "output" / "photo-painting"
    assert files(folder) == ["0.png", "final.png", "run.json", "state.npz"]
    assert np.array_equal(load_image(folder / "final.png"), load_image(folder / "0.png"))


@pytest.mark.parametrize(("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_keep_the_picture_so_far(signal_number, code, photo, painting, tmp_path):
    process = subprocess.Popen(
        [COMMAND, "run", "-c", photo, "-s", painting, "--size", "64", "--steps", "100000", "--snapshot-every", "5"],
        cwd=tmp_path,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    folder = tmp_path / "output" / "photo-painting"
    deadline = time.monotonic() + 60
    while not (folder / "10.png").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal_number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert stderr.splitlines()[-1].startswith("Error: Interrupted at step ")
    assert stderr.splitlines()[-1].endswith("The picture so far is output/photo-painting/final.png.")
    log = json.loads((folder / "run.json").read_text())
    assert log["status"].startswith("stopped: Interrupted at step ")
    assert log["losses"][-1]["step"] >= 10
    assert load_image(folder / "final.png").shape == (48, 64, 3)
    assert not [name for name in files(folder) if name.endswith(".tmp")]


def test_official_weights_are_used_where_an_option_or_a_variable_names_them(
    command, photo, painting, tmp_path, weights
):
    from tests.vgg.matconvnet import matconvnet, write

    name = "imagenet-vgg-verydeep-19.mat"
    write(tmp_path / name, matconvnet(weights, "older"))
    info = command("weights", "info", "--weights", name).stdout.splitlines()
    assert info[0].split() == ["file", name]
    assert info[1] == "layout  MatConvNet, older layout"
    assert command("weights", "info", NEUROTRANSFER_WEIGHTS=name).stdout.splitlines() == info
    assert "vgg19-8bit.npz" in command("weights", "info").stdout
    arguments = ("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "1", "--overwrite")
    for choice, used in (({}, "vgg19-8bit.npz"), ({"NEUROTRANSFER_WEIGHTS": name}, name)):
        done = command(*arguments, **choice)
        log = json.loads((tmp_path / "output" / "photo-painting" / "run.json").read_text())
        assert log["weights"]["file"] == used
        sentence = f"{name} lies in this folder and is not used; --weights {name} uses it."
        assert (sentence in done.stderr.splitlines()) == (not choice)
