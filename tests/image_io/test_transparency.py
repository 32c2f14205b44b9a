"""Transparent pictures are laid over white, their alpha is kept, hidden colors stay hidden."""

import struct

import numpy as np
import png
import pytest
import tifffile
from PIL import Image

from neurotransfer.image_io.arrays import load_image, opacity, open_picture, pixels, uncomposite_white
from neurotransfer.image_io.saving import save_image
from tests.image_io.pictures import COLORS, deep_png


def hidden_red(path, mode="RGBA"):
    """A blue half; the clear other one hides red."""
    picture = Image.new("RGBA", (40, 20), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 20, 20))
    if mode == "P":
        palette = Image.new("P", (40, 20), 0)
        palette.putpalette([255, 0, 0, 0, 0, 255])
        palette.paste(1, (0, 0, 20, 20))
        palette.save(path, transparency=0)
    else:
        picture.save(path, **({"lossless": True, "exact": True} if path.suffix == ".webp" else {}))


@pytest.mark.parametrize(
    ("name", "mode"), [("a.png", "RGBA"), ("a.webp", "RGBA"), ("a.tif", "RGBA"), ("p.png", "P"), ("p.gif", "P")]
)
def test_colors_under_clear_pixels_do_not_bleed(tmp_path, name, mode):
    hidden_red(tmp_path / name, mode)
    picture = open_picture(tmp_path / name)
    small = pixels(picture, (9, 5))
    assert small[:, :4].tolist() == pytest.approx(np.full((5, 4, 3), (0, 0, 255)), abs=12)
    assert (small[..., 0] - small[..., 1]).max() <= 1  # not redder than green anywhere: blue to white
    alpha = opacity(picture, (9, 5))
    assert alpha[:, 0].tolist() == pytest.approx([1] * 5, abs=0.05)
    assert alpha[:, -1].tolist() == pytest.approx([0] * 5, abs=0.05)


def test_colors_under_clear_pixels_do_not_bleed_in_16_bits(tmp_path):
    picture = np.full((4, 4, 4), (65535, 0, 0, 0), dtype=np.uint16)
    picture[:, 2:] = (0, 0, 65535, 65535)
    deep_png(tmp_path / "a.png", picture, "RGBA;16")
    assert load_image(tmp_path / "a.png")[0].tolist() == [[255, 255, 255]] * 2 + [[0, 0, 255]] * 2
    assert opacity(open_picture(tmp_path / "a.png"), (4, 4))[0].tolist() == [0, 0, 1, 1]


def test_transparent_color_of_png_becomes_alpha(tmp_path):
    Image.fromarray(COLORS.astype(np.uint8)).save(tmp_path / "a.png", transparency=(60, 160, 120))
    expected = np.where(COLORS == (60, 160, 120), 255, COLORS)
    assert np.array_equal(load_image(tmp_path / "a.png"), expected)
    assert opacity(open_picture(tmp_path / "a.png"), (6, 1)).tolist() == [[1, 0, 1, 1, 1, 1]]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_transparent_gray_of_png_becomes_alpha(tmp_path, bits):
    white = 2**bits - 1
    with (tmp_path / "a.png").open("wb") as file:
        png.Writer(3, 1, greyscale=True, bitdepth=bits, transparent=1).write(file, [[0, 1, white]])
    picture = open_picture(tmp_path / "a.png")
    assert opacity(picture, (3, 1)).tolist() == [[1, 0, int(bits > 1)]]
    assert pixels(picture)[0, :, 0].tolist() == [0, 255, 255]


def test_transparent_color_of_16_bit_png_becomes_alpha(tmp_path):
    colors = [65535, 0, 0, 65535, 0, 1, 0, 0, 65535]
    with (tmp_path / "a.png").open("wb") as file:
        png.Writer(3, 1, greyscale=False, bitdepth=16, transparent=(65535, 0, 0)).write(file, [colors])
    picture = open_picture(tmp_path / "a.png")
    assert opacity(picture, (3, 1)).tolist() == [[0, 1, 1]]
    assert pixels(picture)[0] == pytest.approx(np.array([[255, 255, 255], [255, 0, 1 / 257], [0, 0, 255]]), abs=1e-4)
    with Image.open(tmp_path / "a.png") as opened:  # with 8 bits, one colour stands for its neighbours
        assert opacity(open_picture(opened), (3, 1)).tolist() == [[0, 0, 1]]


def test_opaque_alpha_is_dropped(tmp_path):
    Image.new("RGBA", (4, 4), (1, 2, 3, 255)).save(tmp_path / "a.png")
    assert open_picture(tmp_path / "a.png").alpha is None


def test_uncompositing_white_is_the_inverse_of_compositing():
    generator = np.random.default_rng(1)
    alpha = generator.uniform(0.2, 1.0, (8, 8)).astype(np.float32)
    colors = generator.uniform(0, 255, (8, 8, 3)).astype(np.float32)
    seen = 255 - (255 - colors) * alpha[..., np.newaxis]
    assert np.abs(uncomposite_white(seen, alpha) - colors).max() < 0.01
    assert np.abs(seen - colors).max() > 50
    clear = uncomposite_white(np.full((8, 8, 3), 255, np.float32), np.zeros((8, 8), np.float32))
    assert np.unique(clear).tolist() == [255]


@pytest.mark.parametrize(("name", "bits"), [("a.png", 8), ("a.webp", 8), ("a.tif", 8), ("a.png", 16), ("a.tif", 16)])
def test_alpha_survives_saving(tmp_path, name, bits):
    seen = np.full((20, 20, 3), (255.0, 127.5, 127.5), dtype=np.float32)  # half of red on white
    alpha = np.full((20, 20), 0.5, dtype=np.float32)
    save_image(tmp_path / name, seen, bits=bits, alpha=alpha)
    picture = open_picture(tmp_path / name)
    assert np.abs(pixels(picture) - seen).max() < 3
    assert np.abs(opacity(picture, (20, 20)) - 0.5).max() < 0.01
    with Image.open(tmp_path / name) as opened:
        assert np.abs(np.asarray(opened.convert("RGBA"))[..., :3] - (255.0, 0.0, 0.0)).max() < 4
    save_image(tmp_path / "flat.jpg", seen, alpha=alpha)
    assert np.abs(load_image(tmp_path / "flat.jpg") - seen).max() < 4


def clear_picture(path):
    """A picture whose every pixel is transparent, of the kind that its name says."""
    kind, _, extension = path.name.partition(".")
    if kind == "palette":
        Image.new("P", (9, 6), 0).save(path, transparency=0)
    elif kind == "deep" and extension == "png":
        deep_png(path, np.full((6, 9, 4), (50_000, 9_000, 9_000, 0), np.uint16), "RGBA;16")
    elif kind == "deep":
        tifffile.imwrite(path, np.full((6, 9, 4), (50_000, 9, 9, 0), np.uint16), photometric="rgb", extrasamples=[2])
    else:
        Image.new(kind, (9, 6), (200, 40, 40, 0) if kind == "RGBA" else (200, 0)).save(path, lossless=True)


@pytest.mark.parametrize(
    "name", ["RGBA.png", "LA.png", "palette.png", "palette.gif", "RGBA.webp", "RGBA.tif", "deep.png", "deep.tif"]
)
def test_a_picture_that_is_transparent_everywhere_gets_one_warning(tmp_path, caplog, name):
    clear_picture(tmp_path / name)
    assert np.array_equal(load_image(tmp_path / name), np.full((6, 9, 3), 255))
    (warning,) = caplog.messages
    assert f"{name} is transparent everywhere, so it is taken for white" in warning


def test_a_picture_of_which_something_is_seen_gets_no_warning(tmp_path, caplog):
    hidden_red(tmp_path / "a.png")
    Image.new("RGB", (9, 6), "red").save(tmp_path / "b.png")
    Image.new("RGBA", (9, 6), (255, 0, 0, 1)).save(tmp_path / "c.png")
    for name in ("a.png", "b.png", "c.png"):
        open_picture(tmp_path / name)
    assert not caplog.messages


def bmp(path, alphas, *, header=108, order=(0, 8, 16)):
    """A BMP file of 2x1 pixels, red and blue, with a mask for alpha; ``order`` is the bits of red, green and blue."""
    pixels = b"".join(
        struct.pack("<I", sum(level << bit for level, bit in zip((*color, alpha), (*order, 24), strict=True)))
        for color, alpha in zip(((200, 40, 40), (40, 60, 190)), alphas, strict=True)
    )
    masks = b"".join(struct.pack("<I", 255 << bit) for bit in (*order, 24))
    facts = struct.pack("<IiiHHIIiiII", header, 2, 1, 1, 32, 3, len(pixels), 2835, 2835, 0, 0) + masks
    begin = 14 + header
    head = b"BM" + struct.pack("<IHHI", begin + len(pixels), 0, 0, begin)
    path.write_bytes((head + facts).ljust(begin, b"\0") + pixels)


@pytest.mark.parametrize("header", [56, 108, 124])
@pytest.mark.parametrize("order", [(0, 8, 16), (16, 8, 0)])
def test_a_bmp_whose_alpha_is_empty_is_opaque(tmp_path, caplog, header, order):
    bmp(tmp_path / "a.bmp", (0, 0), header=header, order=order)
    assert load_image(tmp_path / "a.bmp")[0].tolist() == [[200, 40, 40], [40, 60, 190]]
    assert open_picture(tmp_path / "a.bmp").alpha is None
    assert not caplog.messages
    bmp(tmp_path / "b.bmp", (0, 255), header=header, order=order)
    assert load_image(tmp_path / "b.bmp")[0].tolist() == [[255, 255, 255], [40, 60, 190]]
