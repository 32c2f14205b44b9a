"""Files that end too early: a JPEG file without its end is read with a warning, all others are refused with advice."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from neurotransfer.image_io.arrays import load_image, open_picture
from neurotransfer.system.errors import InputError

SIZE = (240, 160)


def photo(mode="RGB"):
    """A picture with detail everywhere."""
    noise = np.random.default_rng(0).normal(0, 20, (SIZE[1], SIZE[0], 3))
    return Image.fromarray(np.clip(noise + np.array([200, 90, 60]), 0, 255).astype(np.uint8)).convert(mode)


def saved(kind, mode="RGB", **options):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    data = io.BytesIO()
    photo(mode).save(data, kind, **options)
    return data.getvalue()


JPEGS = [
    {},
    {"progressive": True},
    {"subsampling": 0},
    {"mode": "L"},
    {"mode": "CMYK"},
    {"restart_marker_blocks": 4},
]


@pytest.mark.parametrize("options", JPEGS, ids=str)
@pytest.mark.parametrize("missing", [1, 2, 6])
def test_a_jpeg_without_its_last_bytes_is_read_with_a_warning(tmp_path, caplog, options, missing):
    data = saved("JPEG", **options)
    (tmp_path / "whole.jpg").write_bytes(data)
    (tmp_path / "cut.jpg").write_bytes(data[:-missing])
    whole, cut = load_image(tmp_path / "whole.jpg"), load_image(tmp_path / "cut.jpg")
    assert np.array_equal(cut[:128], whole[:128])
    (warning,) = caplog.messages
    told = r"cut\.jpg ends too early: of its 160 rows, (the last (\d+) may be wrong|none seems to be missing)\."
    rows = 160 - int(re.search(told, warning)[2] or 0)
    assert np.array_equal(cut[:rows], whole[:rows])
    if missing <= 2:
        assert rows == 160


def test_a_jpeg_without_its_last_row_of_blocks_is_read(tmp_path, caplog):
    data = saved("JPEG", quality=95)
    (tmp_path / "whole.jpg").write_bytes(data)
    (tmp_path / "cut.jpg").write_bytes(data[:-300])
    whole, cut = load_image(tmp_path / "whole.jpg"), load_image(tmp_path / "cut.jpg")
    assert np.array_equal(cut[:140], whole[:140])
    assert not np.array_equal(cut, whole)
    assert re.search(r"of its 160 rows, the last 1\d may be wrong", caplog.messages[0])


@pytest.mark.parametrize("options", JPEGS, ids=str)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_a_jpeg_that_is_cut_in_the_middle_is_refused_with_advice(tmp_path, caplog, options, share):
    data = saved("JPEG", **options)
    (tmp_path / "cut.jpg").write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError) as found:
        load_image(tmp_path / "cut.jpg")
    assert re.fullmatch(
        r".*cut\.jpg ends too early, and its picture is (missing below row \d+ of 160|incomplete everywhere); "
        r"copy or download it again, or save what a viewer shows of it\.",
        str(found.value),
    )
    assert not caplog.messages


def test_the_first_missing_row_is_told(tmp_path):
    """The rows of a JPEG file of even detail lie evenly in it."""
    data = saved("JPEG", quality=95)
    for share in (0.25, 0.5, 0.75):
        (tmp_path / "cut.jpg").write_bytes(data[: int(share * len(data))])
        with pytest.raises(InputError) as found:
            load_image(tmp_path / "cut.jpg")
        assert int(re.search(r"below row (\d+)", str(found.value))[1]) == pytest.approx(160 * share, abs=18)


def test_a_dark_jpeg_is_not_taken_for_a_cut_one(tmp_path, caplog):
    """What is missing is not told by its color: the lower half of this picture is black."""
    picture = photo()
    picture.paste("black", (0, 80, *SIZE))
    picture.save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-2])
    assert load_image(tmp_path / "a.jpg")[100:].max() <= 4
    assert "none seems to be missing" in caplog.messages[0]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF", "HEIF", "PPM"])
def test_other_files_that_are_cut_are_refused_with_advice(tmp_path, kind):
    data = saved(kind)
    (tmp_path / "whole").write_bytes(data)
    assert open_picture(tmp_path / "whole").size == SIZE
    (tmp_path / "cut").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError) as found:
        load_image(tmp_path / "cut")
    assert re.search(r"ends (too early|before its pixels do).*; copy or download it again\.$", str(found.value))


@pytest.mark.parametrize("options", [{"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"tile": True}])
def test_tiff_files_that_are_cut_are_refused_with_advice(tmp_path, options):
    import tifffile

    if options.pop("tile", None):
        tifffile.imwrite(tmp_path / "a.tif", np.asarray(photo(), np.uint16) * 257, photometric="rgb", tile=(64, 64))
    else:
        photo().save(tmp_path / "a.tif", **options)
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match=r"ends (too early|before its pixels do).*; copy or download it again\."):
        load_image(tmp_path / "a.tif")


def test_a_png_without_its_last_chunk_is_read(tmp_path):
    data = saved("PNG")
    for missing in (4, 12, 14):
        (tmp_path / "a.png").write_bytes(data[:-missing])
        assert np.array_equal(load_image(tmp_path / "a.png"), np.asarray(photo()))


def test_a_damaged_file_that_has_its_end_is_not_told_to_be_cut(tmp_path):
    data = bytearray(saved("PNG"))
    data[200:240] = bytes(40)
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError) as found:
        load_image(tmp_path / "a.png")
    assert "ends too early" not in str(found.value)
