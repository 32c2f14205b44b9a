"""Reading any mode, saving exactly, whole or not at all."""

import time

import numpy as np
import png
import pytest
import tifffile
from PIL import Image

from neurotransfer.image_io.arrays import load_image, open_picture, pixels
from neurotransfer.image_io.saving import check_size, save_image
from neurotransfer.runs.print_sizes import long_side_on
from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.files import atomic_file
from neurotransfer.system.size import fit


def test_every_mode_becomes_rgb(tmp_path):
    color = (200, 40, 90)
    base = Image.new("RGB", (40, 30), color)
    cases = {
        "rgb.png": base,
        "palette.png": base.quantize(),
        "palette.gif": base.quantize(),
        "cmyk.tif": base.convert("CMYK"),
        "ycbcr.jpg": base,
        "rgba.png": base.convert("RGBA"),
    }
    for name, picture in cases.items():
        picture.save(tmp_path / name)
        found = load_image(tmp_path / name)
        assert found.shape == (30, 40, 3)
        assert found.dtype == np.float32
        assert np.abs(found - color).max() <= 3, name


@pytest.mark.parametrize(("mode", "gray"), [("L", 77), ("1", 255), ("LA", (77, 255))])
def test_gray_becomes_three_equal_channels(tmp_path, mode, gray):
    Image.new(mode, (8, 8), gray).save(tmp_path / "grey.png")
    expected = gray[0] if isinstance(gray, tuple) else gray
    assert np.unique(load_image(tmp_path / "grey.png")).tolist() == [expected]


def test_16_bits_are_scaled_not_clipped(tmp_path):
    values = (np.arange(64, dtype=np.uint16) * 1040).reshape(8, 8)
    Image.fromarray(values).save(tmp_path / "deep.png")
    found = load_image(tmp_path / "deep.png")[..., 0]
    assert np.abs(found - values / 257.0).max() <= 0.5
    assert found.max() < 256


def test_white_of_float_tiff_is_one(tmp_path):
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    Image.fromarray(values).save(tmp_path / "float.tif")
    assert np.abs(load_image(tmp_path / "float.tif")[..., 0] - values * 255).max() <= 0.5


def test_white_of_float_and_integer_pictures_may_be_255(tmp_path):
    values = np.arange(64, dtype=np.float32).reshape(8, 8) * 4
    Image.fromarray(values).save(tmp_path / "float.tif")
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "integer.tif")
    for name in ("float.tif", "integer.tif"):
        assert load_image(tmp_path / name)[..., 0].tolist() == values.tolist()


def test_transparency_is_composited_over_white(tmp_path):
    picture = Image.new("RGBA", (4, 1), (200, 0, 0, 255))
    picture.putpixel((0, 0), (200, 0, 0, 0))
    picture.putpixel((1, 0), (200, 0, 0, 51))
    picture.save(tmp_path / "clear.png")
    assert load_image(tmp_path / "clear.png")[0].tolist()[:3] == [[255, 255, 255], [244, 204, 204], [200, 0, 0]]


def test_palette_transparency_is_composited_over_white(tmp_path):
    picture = Image.new("P", (2, 1), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((0, 0), 0)
    picture.save(tmp_path / "clear.gif", transparency=0)
    assert load_image(tmp_path / "clear.gif")[0].tolist() == [[255, 255, 255], [0, 0, 255]]


def test_exif_orientation_is_applied(tmp_path):
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste("black", (0, 0, 20, 20))  # left half black
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned 90 degrees clockwise
    picture.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    found = load_image(tmp_path / "turned.jpg")
    assert found.shape == (40, 20, 3)
    assert found[:15].mean() < 10  # black on top
    assert found[25:].mean() > 245


def test_saving_rounds_and_clips(tmp_path):
    image = np.array([[[0.4, 0.6, 254.5], [-30.0, 300.0, 254.51], [1.5, 2.5, 99.999]]], dtype=np.float32)
    save_image(tmp_path / "out.png", image)
    assert load_image(tmp_path / "out.png").tolist() == [[[0, 1, 254], [0, 255, 255], [2, 2, 100]]]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp", "a.tif", "a.tiff"])
def test_every_format_is_saved_and_read_again(tmp_path, name):
    image = np.full((20, 30, 3), (10.0, 120.0, 230.0), dtype=np.float32)
    save_image(tmp_path / name, image, {"neurotransfer": "{}"})
    assert np.abs(load_image(tmp_path / name) - image).max() <= 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_16_bit_results_hold_levels_between_those_of_8(tmp_path):
    """Read by other programs' libraries: 16-bit samples in their own right, not 8-bit ones scaled up."""
    ramp = np.linspace(100.0, 101.0, 300, dtype=np.float32).reshape(10, 10, 3)
    expected = np.rint(ramp * 257)
    save_image(tmp_path / "deep.png", ramp, bits=16, dpi=300)
    save_image(tmp_path / "deep.tif", ramp, bits=16, dpi=300)
    width, height, rows, facts = png.Reader(filename=str(tmp_path / "deep.png")).read()
    assert (width, height, facts["bitdepth"], facts["planes"]) == (10, 10, 16, 3)
    assert np.array_equal(np.vstack(list(rows)).reshape(10, 10, 3), expected)
    assert np.array_equal(tifffile.imread(tmp_path / "deep.tif"), expected)
    assert len(np.unique(expected)) > 200
    assert len(np.unique(load_image(tmp_path / "deep.png"))) > 200
    with pytest.raises(InputError, match=r"cannot hold --bits 16; use \.png, \.tif, \.tiff\."):
        save_image(tmp_path / "deep.jpg", ramp, bits=16)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_resolution_is_saved_only_if_given(tmp_path, name, bits):
    image = np.full((4, 6, 3), 90.0, dtype=np.float32)
    if (name, bits) == ("a.jpg", 16):
        return
    save_image(tmp_path / name, image, bits=bits, dpi=240)
    with Image.open(tmp_path / name) as picture:
        assert picture.info["dpi"] == pytest.approx((240, 240), abs=0.1)
    save_image(tmp_path / name, image, bits=bits)
    with Image.open(tmp_path / name) as picture:
        assert picture.info.get("dpi", (1, 1)) != pytest.approx((240, 240), abs=0.1)


def test_equal_pictures_make_equal_files_at_any_time(tmp_path):
    image = np.full((4, 6, 3), 90.0, dtype=np.float32)
    save_image(tmp_path / "early.png", image)
    time.sleep(1.1)  # profiles note the second in which they were made
    save_image(tmp_path / "late.png", image)
    assert (tmp_path / "early.png").read_bytes() == (tmp_path / "late.png").read_bytes()
    save_image(tmp_path / "other.png", image + 1)
    assert (tmp_path / "early.png").read_bytes() != (tmp_path / "other.png").read_bytes()


def test_long_side_makes_the_picture_just_fit_the_sheet():
    assert long_side_on("a3", 300, (1024, 724)) == 4961  # 420 mm
    assert long_side_on("a3", 300, (3000, 4000)) == round(297 / 25.4 * 300 * 4 / 3)  # the short sides meet
    assert long_side_on("a3", 300, (4000, 2000)) == 4961  # the long sides meet
    assert long_side_on("10x15", 254, (300, 200)) == 1500


def test_jpeg_keeps_full_color_resolution(tmp_path):
    image = np.zeros((16, 16, 3), dtype=np.float32)
    image[:, ::2] = (255.0, 0.0, 0.0)
    image[:, 1::2] = (0.0, 0.0, 255.0)
    save_image(tmp_path / "lines.jpg", image)
    with Image.open(tmp_path / "lines.jpg") as picture:
        assert {component[1:3] for component in picture.layer} == {(1, 1)}
    Image.fromarray(image.astype(np.uint8)).save(tmp_path / "usual.jpg")
    ours, usual = (np.abs(load_image(tmp_path / f"{name}.jpg") - image).mean() for name in ("lines", "usual"))
    assert ours < 15 < usual


def test_a_failed_save_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "kept.png"
    path.write_bytes(b"old")
    with pytest.raises(NeurotransferError, match=r"kept\.png cannot be written: No space left on device\."):
        with atomic_file(path) as handle:
            handle.write(b"half")
            raise OSError(28, "No space left on device")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.png"]


@pytest.mark.parametrize(("name", "max_side"), [("a.webp", 16_383), ("a.JPG", 65_500), ("a.jpeg", 65_500)])
def test_sides_longer_than_the_format_allows_are_refused(tmp_path, name, max_side):
    save_image(tmp_path / name, np.zeros((1, max_side, 3), np.float32))
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"{name} cannot hold 1x{max_side + 1} pixels: .* {max_side} a side; use"):
        save_image(tmp_path / name, np.zeros((max_side + 1, 1, 3), np.float32))
    assert not list(tmp_path.iterdir())
    check_size(tmp_path / "a.png", (100_000, 1))


def test_an_error_of_the_encoder_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise ValueError("encoding error 5: too large.")

    monkeypatch.setattr(Image.Image, "save", refuse)
    with pytest.raises(NeurotransferError, match=r"a\.webp cannot be written: encoding error 5: too large\.$"):
        save_image(tmp_path / "a.webp", np.zeros((2, 2, 3), np.float32))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("letter", ["a", "\U0001f58c"])
def test_the_longest_names_can_be_saved(tmp_path, letter):
    name = letter * (251 // len(letter.encode())) + ".png"
    save_image(tmp_path / name, np.zeros((2, 2, 3), np.float32))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_fit_keeps_the_aspect_ratio():
    assert fit((4000, 3000), 400) == (400, 300)
    assert fit((3000, 4000), 512) == (384, 512)
    assert fit((5000, 3), 100) == (100, 1)


def test_pixels_resamples_without_aliasing():
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = pixels(open_picture(stripes), (16, 16))
    assert np.abs(small - 127.5).max() < 30


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_arrays_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match="must have the shape"):
        open_picture(np.zeros(shape))


def test_arrays_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="must hold finite numbers"):
        open_picture(np.full((4, 4, 3), np.nan))
