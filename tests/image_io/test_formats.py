"""Formats are detected by content; HEIC without its plug-in; files of several pictures."""

import struct
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from neurotransfer.image_io.arrays import load_image
from neurotransfer.system.errors import InputError
from tests.conftest import clean_environment


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "gif", "bmp", "jp2", "avif", "heic"])
def test_formats_are_detected_by_content(tmp_path, extension):
    if extension == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.new("RGB", (64, 48), (200, 40, 90)).save(tmp_path / f"a.{extension}")
    (tmp_path / f"a.{extension}").rename(tmp_path / "a.txt")
    found = load_image(tmp_path / "a.txt")
    assert found.shape == (48, 64, 3)
    assert np.abs(found - (200, 40, 90)).max() < 8


def without_plug_in(name, folder):
    """What reading a file says where the HEIC plug-in is missing."""
    code = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from neurotransfer.image_io.reading import read_picture\nfrom pathlib import Path\n"
        f"try: print(read_picture(Path({name!r})).size)\nexcept Exception as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, env=clean_environment()
    )
    return done.stdout


@pytest.mark.parametrize("brands", [b"heic", b"mif1\0\0\0\0mif1heic", b"mif1"])
def test_heic_without_its_plug_in_says_how_to_get_it(tmp_path, brands):
    (tmp_path / "a.heic").write_bytes(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(100))
    assert without_plug_in("a.heic", tmp_path) == (
        'a.heic is a HEIC picture, which needs a plug-in: pip install "neurotransfer[heif]".\n'
    )


def test_a_film_is_not_taken_for_heic(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + bytes(100))
    assert "a.heic is a film (MP4 or QuickTime), which" in without_plug_in("a.heic", tmp_path)


def test_avif_with_a_brand_shared_with_heic_is_read(tmp_path):
    Image.new("RGB", (64, 48), (200, 40, 90)).save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    assert data[4:12] == b"ftypavif"
    (tmp_path / "a.avif").write_bytes(data[:8] + b"mif1" + data[12:])
    assert without_plug_in("a.avif", tmp_path) == "(64, 48)\n"
    pytest.importorskip("pillow_heif").register_heif_opener()
    assert np.abs(load_image(tmp_path / "a.avif") - (200, 40, 90)).max() < 8


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.tif", "a.png", "a.avif"])
def test_the_first_of_several_frames_is_read(tmp_path, name):
    first, second = (Image.new("RGB", (32, 32), color) for color in ("red", "blue"))
    first.save(tmp_path / name, save_all=True, append_images=[second])
    with Image.open(tmp_path / name) as picture:
        assert picture.n_frames == 2
    assert np.abs(load_image(tmp_path / name) - (255, 0, 0)).max() < 8


def test_unsupported_tiff_is_refused_as_a_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 4)), photometric="minisblack")  # of 64 bits
    with pytest.raises(InputError, match=r"a\.tif is a TIFF picture, .* save it again, as PNG in RGB\."):
        load_image(tmp_path / "a.tif")
