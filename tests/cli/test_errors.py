"""Wrong use of the command: one sentence, exit code 2, nothing written, TensorFlow never imported."""

import os

import pytest
from PIL import Image

from neurotransfer.runs.run_folder import run_name
from tests.cli.conftest import QUICK, files

BAD_RUNS = {
    "missing photo": (("-c", "no.png"), "There is no picture no.png; check the name and the folder."),
    "missing painting": (("-s", "no.png"), "There is no picture no.png; check the name and the folder."),
    "folder for a photo": (("-c", "folder"), "folder is a folder; expected a picture file."),
    "text for a photo": (
        ("-c", "text.png"),
        "text.png is not a picture of a known format; expected JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP, JPEG 2000 "
        "or PNM.",
    ),
    "truncated photo": (
        ("-c", "half.jpg"),
        "half.jpg ends too early, and its picture is missing below row 0 of 64; copy or download it again, or save "
        "what a viewer shows of it.",
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
        "Invalid value for '--max-memory': expected an amount of memory like 2G, 800M or 1.5GiB, found 'lots'.",
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
    "mask": (
        ("--protect", "face"),
        "--protect must be faces, person, none or a picture file; there is no file 'face'.",
    ),
    "mask of another shape": (
        ("--protect", "red.jpg"),
        "The mask of --protect is 64x64 pixels, expected the shape of the photo, 451x300; paint it over a copy of the "
        "photo.",
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
        "Invalid value for '--preset': 'best' is not one of 'default', 'fine', 'bold', 'texture', 'classic', 'fast', "
        "'anishathalye'.",
    ),
    "unknown option": (
        ("--stepz", "3"),
        "No such option '--stepz'. (Did you mean one of: '--size', '--steps', '--style'?)",
    ),
}


@pytest.mark.parametrize("case", BAD_RUNS)
def test_wrong_use_is_one_sentence_before_anything_is_imported_or_written(case, command, photo, tmp_path):
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
    messages = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert messages == [f"Error: {sentence}"]
    assert done.returncode == 2
    assert done.stdout == ""
    assert imported
    assert not [line for line in imported if "tensorflow" in line]
    assert files(tmp_path) == before
    assert not (tmp_path / "output").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the next test covers root's case")
def test_unwritable_folder_is_refused(command, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = command("run", "-o", "locked/")
    assert (done.returncode, done.stderr) == (
        2,
        f"Error: The output folder locked cannot be written to: {locked} is not writable; choose another --output.\n",
    )


def test_folder_that_nobody_can_make_is_refused(command):
    done = command("run", "-o", "/proc/neurotransfer/")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: The output folder /proc/neurotransfer cannot be written to: /proc is ")
    assert done.stderr.count("\n") == 1


def test_picture_too_wide_for_its_format_is_refused_before_the_run(command, painting, tmp_path):
    Image.new("RGB", (900, 2)).save(tmp_path / "wide.png")
    arguments = ("--size", "16400", "--enlarge", "--steps", "0", "-o", "new/r.webp")
    done = command("run", "-q", "-c", "wide.png", "-s", painting, *arguments)
    assert done.returncode == 2
    assert done.stderr == (
        "Error: new/r.webp cannot hold 16400x36 pixels: the format ends at 16383 a side; use .png, .tif, .tiff.\n"
    )
    assert not (tmp_path / "new").exists()


def test_dangling_symlink_is_not_used_as_an_output_folder(command, photo, painting):
    here = photo.parent
    (here / "unplugged").symlink_to("/nowhere/drive")
    done = command("run", "-c", photo, "-s", painting, *QUICK, "-o", "unplugged/")
    assert done.returncode == 2
    sentence = "The folder unplugged cannot be made: it is a dangling symlink; choose another --output."
    assert done.stderr == f"Error: {sentence}\n"
    name = run_name(photo, painting)
    (here / "out").mkdir()
    (here / "out" / name).symlink_to("/nowhere")
    assert command("run", "-q", "-c", photo, "-s", painting, *QUICK, "-o", "out").returncode == 0
    assert (here / "out" / f"{name}-2" / "final.png").exists()


def test_name_too_long_for_the_system_is_refused(command, photo, painting):
    name = 300 * "x" + ".png"
    run = ("run", "-c", photo, "-s", painting, *QUICK, "--init", name)
    for line, told in ((("resume", name), f"{name}/state.npz"), (run, name)):
        done = command(*line)
        assert (done.returncode, done.stderr) == (2, f"Error: {told} cannot be used: File name too long.\n")
