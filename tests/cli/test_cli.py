"""Whole commands through the installed program: exact sentences, exit codes, files."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurotransfer.image_io.arrays import load_image
from neurotransfer.runs.run_folder import run_name
from tests.conftest import COMMAND, clean_environment

QUICK = ("--size", "48", "--steps", "4", "--snapshot-every", "2")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- wrong use: one sentence, exit code 2, nothing written, TensorFlow never imported

BAD_RUNS = {
    "missing photo": (("-c", "no.png"), "There is no picture no.png; check the name and the folder."),
    "missing painting": (("-s", "no.png"), "There is no picture no.png; check the name and the folder."),
    "folder for a photo": (("-c", "folder"), "folder is a folder; expected a picture file."),
    "text for a photo": (
        ("-c", "text.png"),
        "text.png is not a picture of a known format; expected JPEG, PNG, WebP, TIFF, HEIC or AVIF.",
    ),
    "truncated photo": (
        ("-c", "half.jpg"),
        "half.jpg cannot be read as a picture: image file is truncated (10 bytes not processed).",
    ),
    "unknown extension": (
        ("-o", "out.xyz"),
        "out.xyz has the unknown extension '.xyz'; use .png, .jpg, .jpeg, .webp, .tif, .tiff, "
        "or end the name with '/' for a folder.",
    ),
    "existing file": (
        ("-o", "photo.png"),
        "photo.png exists already and stays as it is; choose another name, or give --overwrite.",
    ),
    "folder under a file": (
        ("-o", "text.png/out/"),
        "The output folder text.png/out cannot be made: text.png is a file; choose another --output.",
    ),
    "sixteen bits in a JPEG": (
        ("--bits", "16", "-o", "out.jpg"),
        "out.jpg cannot hold --bits 16; use .png, .tif, .tiff.",
    ),
    "a sheet and a size": (
        ("--print", "a4", "--size", "300"),
        "--print sets the size; give it or --size, not both.",
    ),
    "no resolution": (
        ("--dpi", "0"),
        "--dpi must be from 10 to 4800 pixels per inch; found 0.",
    ),
    "no memory": (
        ("--max-memory", "lots"),
        "Invalid value for '--max-memory': expected an amount of memory like 2G or 800M, found 'lots'.",
    ),
    "unknown layer": (
        ("--style-layer", "conv4_7"),
        "There is no layer 'conv4_7' in VGG-19 (conv1_1 to conv5_4); did you mean conv4_4?",
    ),
    "layer weight": (
        ("--style-layer", "conv4_1=much"),
        "Invalid value for '--style-layer': expected a number after '=', found 'much'.",
    ),
    "small size": (("--size", "31"), "--size must be a whole number, from 32 to 65535, or 'original'; found 31."),
    "no size": (
        ("--size", "big"),
        "Invalid value for '--size': expected a number of pixels or 'original', found 'big'.",
    ),
    "negative steps": (("--steps", "-1"), "--steps must be a whole number, from 0 to 1000000; found -1."),
    "no number": (("--steps", "many"), "Invalid value for '--steps': 'many' is not a valid integer."),
    "missing weights": (
        ("--weights", "vgg.mat"),
        "The weights vgg.mat were expected to be a file, found nothing; give the path of "
        "imagenet-vgg-verydeep-19.mat or of another file of VGG-19, or 'builtin' for those in the package.",
    ),
    "wrong weights": (
        ("--weights", "page.mat"),
        "The weights page.mat cannot be read as a MATLAB file: it has no MATLAB 5 header; expected VGG-19 as a file of "
        "MatConvNet (.mat), Keras (.h5, .keras) or NumPy (.npz): give another file, or 'builtin' for the weights in "
        "the package.",
    ),
    "start picture": (
        ("--init", "photograph"),
        "--init must be recolored, content, noise, style or a picture file; there is no file 'photograph'.",
    ),
    "long output name": (
        ("-o", "x" * 300 + ".png"),
        f"The output {'x' * 300}.png cannot be used: File name too long; choose another.",
    ),
    "long photo name": (("-c", "x" * 300), f"{'x' * 300} cannot be read as a picture: File name too long."),
    "empty output": (("-o", ""), "--output is empty; expected a folder or a file name."),
    "file for the snapshots": (
        ("-o", "x.png", "--snapshot-every", "1", "--overwrite"),
        "x.png cannot be made with its snapshots in x-snapshots; choose another --output.",
    ),
    "no time": (
        ("--time-budget", "soon"),
        "Invalid value for '--time-budget': expected a time above 0 like 90s, 10m or 1h, found 'soon'.",
    ),
    "negative time": (
        ("--time-budget", "-5"),
        "Invalid value for '--time-budget': expected a time above 0 like 90s, 10m or 1h, found '-5'.",
    ),
    "not a number of seconds": (
        ("--save-every", "nan"),
        "Invalid value for '--save-every': expected a time above 0 like 90s, 10m or 1h, found 'nan'.",
    ),
    "unknown preset": (
        ("--preset", "best"),
        "Invalid value for '--preset': 'best' is not one of 'default', 'fine', 'bold', 'seed', 'fast', 'anishathalye'.",
    ),
    "unknown option": (
        ("--stepz", "3"),
        "No such option '--stepz'. (Did you mean one of: '--size', '--steps', '--style'?)",
    ),
}


@pytest.mark.parametrize("case", BAD_RUNS)
def test_wrong_use(case, command, photo, tmp_path):
    arguments, sentence = BAD_RUNS[case]
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "x-snapshots").touch()
    (tmp_path / "page.mat").write_text("<html>" + "not found " * 50)
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.jpg")
    (tmp_path / "half.jpg").write_bytes((tmp_path / "red.jpg").read_bytes()[:-60])
    before = files(tmp_path)
    done = command("run", *arguments, PYTHONPROFILEIMPORTTIME="1")
    imported = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert said == [f"Error: {sentence}"]
    assert done.returncode == 2
    assert done.stdout == ""
    assert imported
    assert not [line for line in imported if "tensorflow" in line]
    assert files(tmp_path) == before
    assert not (tmp_path / "output").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the next test covers root's case")
def test_unwritable_folder(command, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = command("run", "-o", "locked/")
    assert (done.returncode, done.stderr) == (
        2,
        f"Error: The output folder locked cannot be written to: {locked} is not writable; choose another --output.\n",
    )


def test_unwritable_folder_for_everybody(command):
    done = command("run", "-o", "/proc/neurotransfer/")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: The folder /proc/neurotransfer/chelsea_cat-starry_night cannot be made: ")
    assert done.stderr.count("\n") == 1


def test_evaluate_wrong_shape(command, photo, painting, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "square.png")
    done = command("evaluate", "-c", photo, "-s", painting, "square.png")
    assert done.returncode == 2
    expected = "square.png is 64x64 pixels, expected the photo's shape, 64x48; give the photo that it was painted from."
    assert done.stderr == f"Error: {expected}\n"


# --- runs that work


def test_run_into_a_folder(command, photo, painting, tmp_path):
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
    assert log["content"]["file"] == "photo.png"
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


@pytest.mark.parametrize("letter", ["a", "猫", "🎨"])
def test_long_names_of_wide_letters_make_a_folder(letter, tmp_path):
    name = run_name(tmp_path / f"{letter * 63}.png", tmp_path / f"{letter * 63}.jpg")
    assert len(name.encode()) == 121
    (tmp_path / name).mkdir()


def test_run_into_a_file_leaves_that_file_and_nothing_else(command, photo, painting, tmp_path):
    before = files(tmp_path)
    done = command("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "2", "-o", "new/result.jpg", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(set(files(tmp_path)) - set(before)) == ["new/result.jpg"]


def test_a_folder_without_snapshots_still_has_its_picture(command, photo, painting, tmp_path):
    done = command("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "1", "--snapshot-every", "0")
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "output" / "photo-painting") == ["final.png", "run.json", "state.npz"]


def test_overwriting_a_run_takes_its_snapshots_along_but_no_strangers_files(command, photo, painting, tmp_path):
    folder = tmp_path / "output" / "photo-painting"
    run = ("run", "-c", photo, "-s", painting, "--size", "48", "--overwrite")
    folder.mkdir(parents=True)
    (folder / "99.png").write_text("a stranger's")
    assert command(*run, "--steps", "2", "--snapshot-every", "2").returncode == 0
    assert files(folder) == ["0.png", "2.png", "99.png", "final.png", "run.json", "state.npz"]
    assert command(*run, "--steps", "1", "--snapshot-every", "0").returncode == 0
    assert files(folder) == ["final.png", "run.json", "state.npz"]


def test_full_standard_output_is_told(photo, painting, tmp_path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, "weights", "info"], stdout=full, stderr=subprocess.PIPE, text=True, env=clean_environment()
        )
    assert done.returncode == 1
    assert done.stderr == "Error: the output cannot be written: No space left on device.\n"


def test_full_standard_error_costs_no_picture(photo, painting, tmp_path):
    with Path("/dev/full").open("w") as full:
        line = [COMMAND, "run", "-c", photo, "-s", painting, "--size", "48", "--steps", "2", "-o", tmp_path / "r.png"]
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=full, text=True, env=clean_environment())
        assert (done.returncode, done.stdout.startswith("Painted in ")) == (0, True)
        again = subprocess.run(line, stderr=full, env=clean_environment())
    assert again.returncode == 2
    assert (tmp_path / "r.png").exists()


def test_a_time_budget_leaves_steps_out(command, photo, painting, tmp_path):
    begun = time.monotonic()
    arguments = ("--size", "64", "--steps", "100000", "--time-budget", "6s", "-o", "r.png", "--json")
    report = json.loads(command("run", "-c", photo, "-s", painting, *arguments).stdout)
    assert time.monotonic() - begun < 20  # twice the budget and more: machines are shared
    assert report["status"] == "finished"
    assert 2 <= report["losses"][-1]["step"] < 99_000


def test_an_early_stop_is_told(command, photo, painting):
    done = command("run", "-c", photo, "-s", painting, "--size", "48", "--tolerance", "200", "-o", "r.png")
    assert "Nothing changes any more at step 1 " in done.stderr
    assert done.returncode == 0


def test_a_large_picture_is_painted_small_first(command, photo, painting, tmp_path):
    arguments = ("--size", "800", "--enlarge", "--steps", "10", "--snapshot-every", "6")
    assert command("run", "-c", photo, "-s", painting, *arguments).returncode == 0
    folder = tmp_path / "output" / "photo-painting"
    sizes = {name: load_image(folder / f"{name}.png").shape[:2] for name in ("0", "6", "final")}
    assert sizes == {"0": (300, 400), "6": (300, 400), "final": (600, 800)}


def test_a_picture_too_wide_for_its_format_is_refused_before_the_run(command, painting, tmp_path):
    Image.new("RGB", (900, 2)).save(tmp_path / "wide.png")
    arguments = ("--size", "16400", "--enlarge", "--steps", "0", "-o", "new/r.webp")
    done = command("run", "-q", "-c", "wide.png", "-s", painting, *arguments)
    assert done.returncode == 2
    assert done.stderr == (
        "Error: new/r.webp cannot hold 16400x36 pixels: the format ends at 16383 a side; use .png, .tif, .tiff.\n"
    )
    assert not (tmp_path / "new").exists()


def test_a_log_line_is_one_line(command, photo, painting, tmp_path):
    with Image.open(photo) as picture:
        picture.save(tmp_path / "a\nb.png", icc_profile=b"junk")
    done = command("run", "-c", "a\nb.png", "-s", painting, "--steps", "0", "-o", "r.png")
    assert r"The colour profile of a\nb.png cannot be used" in done.stderr
    assert "b.png" not in {line[:5] for line in done.stderr.splitlines()}


def test_snapshots_beside_a_file_when_asked_for(command, photo, painting, tmp_path):
    done = command("run", "-c", photo, "-s", painting, *QUICK, "-o", "r.png")
    assert done.returncode == 0
    assert files(tmp_path / "r-snapshots") == ["0.png", "2.png", "4.png"]


def test_overwrite(command, photo, painting, tmp_path):
    (tmp_path / "r.png").write_text("old")
    done = command("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "1", "-o", "r.png", "--overwrite")
    assert done.returncode == 0
    assert load_image(tmp_path / "r.png").shape == (36, 48, 3)


def test_json_and_environment(command, photo, painting, tmp_path):
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


def test_evaluate_agrees_with_the_run(command, photo, painting, tmp_path):
    command("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "3")
    folder = tmp_path / "output" / "photo-painting"
    expected = json.loads((folder / "run.json").read_text())["losses"][-1]
    arguments = ("evaluate", "-c", photo, "-s", painting, folder / "final.png")
    (found,) = json.loads(command(*arguments, "--json").stdout)["images"]
    assert found["content"] == pytest.approx(expected["content"], rel=0.02)  # the saved picture is rounded
    assert found["style"] == pytest.approx(expected["style"], rel=0.02)
    (heavier,) = json.loads(command(*arguments, "--json", "--content-weight", "310").stdout)["images"]
    assert heavier["content"] == pytest.approx(2 * found["content"], rel=1e-5)
    table = command(*arguments).stdout.splitlines()
    assert table[0].split() == ["picture", "content", "style", "tv", "extremes", "total"]
    assert float(table[1].split()[1]) == pytest.approx(found["content"], rel=1e-3)


def test_official_weights_are_used_where_an_option_or_a_variable_names_them(
    command, photo, painting, tmp_path, weights
):
    from tests.vgg.matconvnet import matconvnet, write

    name = "imagenet-vgg-verydeep-19.mat"
    write(tmp_path / name, matconvnet(weights, "older"))
    told = command("weights", "info", "--weights", name).stdout.splitlines()
    assert told[0].split() == ["file", name]
    assert told[1] == "layout  MatConvNet, older layout"
    assert command("weights", "info", NEUROTRANSFER_WEIGHTS=name).stdout.splitlines() == told
    assert "vgg19-8bit.npz" in command("weights", "info").stdout
    arguments = ("run", "-c", photo, "-s", painting, "--size", "48", "--steps", "1", "--overwrite")
    for choice, used in (({}, "vgg19-8bit.npz"), ({"NEUROTRANSFER_WEIGHTS": name}, name)):
        done = command(*arguments, **choice)
        log = json.loads((tmp_path / "output" / "photo-painting" / "run.json").read_text())
        assert log["weights"]["file"] == used
        sentence = f"{name} lies in this folder and is not used; --weights {name} uses it."
        assert (sentence in done.stderr.splitlines()) == (not choice)


# --- runs that are stopped


def test_a_loss_that_is_no_number_keeps_the_last_good_picture(command, photo, painting, tmp_path):
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


def test_links_to_nowhere_in_place_of_output_folders(command, photo, painting):
    here = photo.parent
    (here / "unplugged").symlink_to("/nowhere/drive")
    done = command("run", "-c", photo, "-s", painting, *QUICK, "-o", "unplugged/")
    assert done.returncode == 2
    assert (
        done.stderr == "Error: The folder unplugged cannot be made: it is a link to nowhere; choose another --output.\n"
    )
    name = run_name(photo, painting)
    (here / "out").mkdir()
    (here / "out" / name).symlink_to("/nowhere")
    assert command("run", "-q", "-c", photo, "-s", painting, *QUICK, "-o", "out").returncode == 0
    assert (here / "out" / f"{name}-2" / "final.png").exists()


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(closed, photo, painting):
    tiff = photo.with_suffix(".tif")
    Image.open(photo).save(tiff, compression="tiff_lzw")
    line = f"exec {COMMAND} run -c {tiff} -s {painting} --size 48 --steps 1 -o closed.png {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=photo.parent, env=clean_environment(), timeout=120)
    assert done.returncode == 0
    assert (photo.parent / "closed.png").exists()


def test_names_that_are_no_text_are_told_all_the_same(tmp_path):
    folder = os.fsencode(tmp_path) + b"/d\xff"
    Path(os.fsdecode(folder)).mkdir()
    environment = clean_environment() | {"PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([COMMAND, "doctor"], cwd=folder, env=environment, capture_output=True, timeout=120)
    assert rb"/d\udcff" in done.stdout
    assert b"Traceback" not in done.stderr


def test_overwriting_a_file_spares_what_the_run_needs(command, photo, painting):
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
    assert command("run", "-c", photo, "-s", painting, "-o", "r.png", "--overwrite", *QUICK).returncode == 0


def test_letters_that_the_terminal_lacks_are_told_by_their_numbers(tmp_path):
    folder = tmp_path / "日"
    folder.mkdir()
    environment = clean_environment() | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "1"}
    done = subprocess.run([COMMAND, "doctor"], cwd=folder, env=environment, capture_output=True, timeout=120)
    assert rb"/\u65e5" in done.stdout
    assert b"Traceback" not in done.stderr


def test_a_name_too_long_for_the_system(command, photo, painting):
    name = 300 * "x" + ".png"
    for line in (("resume", name), ("run", "-c", photo, "-s", painting, *QUICK, "--init", name)):
        done = command(*line)
        assert (done.returncode, done.stderr) == (2, f"Error: {name} cannot be used: File name too long.\n")
