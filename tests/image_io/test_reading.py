"""Real photographs: profiles, depth, transparency, EXIF, many formats; and files that are none."""

import logging
import os
import struct
import subprocess
import sys
import threading

import numpy as np
import png
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin
from PIL.ExifTags import IFD, Base

from neurotransfer.image_io.arrays import load_image, off_white, opacity, open_picture, pixels
from neurotransfer.image_io.exif import carried
from neurotransfer.image_io.saving import save_image
from neurotransfer.system.errors import InputError
from neurotransfer.system.types import fit
from tests.conftest import clean_environment
from tests.image_io import icc, tiff

COLOURS = np.array([[(200, 120, 60), (60, 160, 120), (90, 90, 200), (128, 128, 128), (255, 255, 255), (0, 0, 0)]])


# --- colour


@pytest.mark.parametrize("space", ["ADOBE_RGB", "DISPLAY_P3"])
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_profiles_become_srgb(tmp_path, space, extension):
    primaries = getattr(icc, space)
    picture = Image.fromarray(COLOURS.astype(np.uint8))
    picture.save(tmp_path / f"a.{extension}", icc_profile=icc.rgb_profile(primaries))
    found = load_image(tmp_path / f"a.{extension}")
    assert np.abs(found - icc.to_srgb(COLOURS, primaries)).max() < 1.6
    assert np.abs(found - COLOURS).max() > 5


def test_a_profile_that_says_srgb_changes_nothing(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(load_image(tmp_path / "a.png"), noise)
    Image.fromarray(noise).save(tmp_path / "b.png", icc_profile=icc.rgb_profile(icc.SRGB, 1.8))
    assert not np.array_equal(load_image(tmp_path / "b.png"), noise)


def test_inks_with_a_profile(tmp_path):
    def lab_of(cyan, magenta, yellow, black):
        return (100 - 40 * cyan - 30 * magenta - 10 * yellow) * (1 - black), 20 * (magenta - cyan), 30 * (yellow - cyan)

    picture = Image.new("CMYK", (3, 1))
    inks = [(0, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)]
    for x, ink in enumerate(inks):
        picture.putpixel((x, 0), tuple(255 * share for share in ink))
    picture.save(tmp_path / "inks.tif", icc_profile=icc.cmyk_profile(lab_of))
    expected = [icc.lab_to_srgb(lab_of(*ink)) for ink in inks]
    assert np.abs(load_image(tmp_path / "inks.tif")[0] - expected).max() < 3
    picture.save(tmp_path / "plain.tif")
    assert np.abs(load_image(tmp_path / "plain.tif")[0] - expected).max() > 20


def test_grey_with_a_profile(tmp_path):
    Image.new("L", (2, 2), 100).save(tmp_path / "grey.png", icc_profile=icc.grey_profile(1.0))
    expected = icc.encode(np.array(100 / 255))
    assert np.abs(load_image(tmp_path / "grey.png") - expected).max() < 1
    assert expected > 160


def test_a_broken_profile_is_told_and_left_out(tmp_path, caplog):
    for number, profile in enumerate((b"junk", icc.rgb_profile(icc.ADOBE_RGB)[:200], icc.grey_profile(1.0))):
        Image.fromarray(COLOURS.astype(np.uint8)).save(tmp_path / "a.png", icc_profile=profile)
        with caplog.at_level(logging.WARNING):
            assert np.array_equal(load_image(tmp_path / "a.png"), COLOURS)
        assert len(caplog.records) == number + 1
        assert "its colours are taken for sRGB." in caplog.records[-1].getMessage()


@pytest.mark.parametrize(
    ("name", "bits"), [(f"a.{e}", 8) for e in ("png", "jpg", "webp", "tif")] + [("a.png", 16), ("a.tif", 16)]
)
def test_results_say_that_they_are_srgb(tmp_path, name, bits):
    save_image(tmp_path / name, COLOURS.astype(np.float32), bits=bits)
    with Image.open(tmp_path / name) as picture:
        profile = ImageCms.getOpenProfile(__import__("io").BytesIO(picture.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


# --- depth

RAMP = np.linspace(25_700, 26_200, 600).astype(np.uint16)
"""Two levels of 8 bits."""


def deep_png(path, array, mode):
    png.from_array(array.reshape(len(array), -1), mode).save(path)


@pytest.mark.parametrize(
    "kind",
    [
        "grey png",
        "grey tif",
        "rgb png",
        "rgba png",
        "la png",
        "rgb tif",
        "big-endian tif",
        "zlib tif",
        "planes tif",
        "zlib planes tif",
        "rgba tif",
        "premultiplied tif",
        "rgba planes tif",
        "premultiplied planes tif",
        "la tif",
        "big-endian la tif",
        "premultiplied la tif",
    ],
)
def test_sixteen_bits_stay_sixteen(tmp_path, kind):
    rgb = np.stack([RAMP, RAMP[::-1], RAMP + 5], axis=-1).reshape(20, 30, 3)
    opaque = np.full((20, 30, 1), 65535, dtype=np.uint16)
    expected = rgb
    path = tmp_path / f"deep.{kind.split()[-1]}"
    if kind == "grey png":
        deep_png(path, rgb[..., 0], "L;16")
    elif kind == "rgb png":
        deep_png(path, rgb, "RGB;16")
    elif kind == "rgba png":
        deep_png(path, np.dstack([rgb, opaque]), "RGBA;16")
    elif kind == "la png":
        deep_png(path, np.dstack([rgb[..., :1], opaque]), "LA;16")
    elif kind == "grey tif":
        tifffile.imwrite(path, rgb[..., 0], photometric="minisblack")
    elif kind == "big-endian tif":
        tifffile.imwrite(path, rgb, photometric="rgb", byteorder=">")
    elif kind == "zlib tif":
        tifffile.imwrite(path, rgb, photometric="rgb", compression="zlib", predictor=True)
    elif kind == "planes tif":
        tifffile.imwrite(path, np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate", byteorder=">")
    elif kind == "zlib planes tif":
        planes = np.moveaxis(rgb, -1, 0)
        tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate", compression="zlib", predictor=True)
    elif "la" in kind.split():
        order, alpha = ">" if "big" in kind else "<", "assocalpha" if "premul" in kind else "unassalpha"
        grey = np.dstack([rgb[..., :1], opaque])
        tifffile.imwrite(path, grey, photometric="minisblack", extrasamples=[alpha], byteorder=order)
    elif kind in ("rgba tif", "premultiplied tif", "rgba planes tif", "premultiplied planes tif"):
        alpha = "assocalpha" if "premul" in kind else "unassalpha"
        rgba, config = np.dstack([rgb, opaque]), "contig"
        if "planes" in kind:
            rgba, config = np.moveaxis(rgba, -1, 0), "separate"
        tifffile.imwrite(path, rgba, photometric="rgb", extrasamples=[alpha], planarconfig=config)
    else:
        tifffile.imwrite(path, rgb, photometric="rgb")
    if {"grey", "la"} & set(kind.split()):
        expected = rgb[..., :1]
    assert np.abs(load_image(path) - expected / 257.0).max() < 0.002
    assert len(np.unique(load_image(path))) > 400
    assert len(np.unique(expected >> 8)) <= 4  # what 8 bits would leave


def test_the_lzw_of_the_tests_is_lzw(tmp_path):
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tags = {256: 16, 257: 16, 258: 8, 259: 5, 262: 1, 277: 1, 278: 16}
    (tmp_path / "a.tif").write_bytes(tiff.tiff_file(tags, [tiff.lzw(values.tobytes())]))
    with Image.open(tmp_path / "a.tif") as picture:
        assert np.array_equal(np.asarray(picture), values)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_in_planes_packed_by_lzw_stay_sixteen(tmp_path, order):
    planes = np.stack([RAMP, RAMP[::-1], RAMP + 5]).reshape(3, 20, 30)
    (tmp_path / "a.tif").write_bytes(tiff.lzw_file(planes, order=order))
    expected = np.moveaxis(planes, 0, -1) / 257.0
    assert np.abs(load_image(tmp_path / "a.tif") - expected).max() < 0.002


@pytest.mark.parametrize("layout", ["contig", "separate"])
@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_with_alpha_are_laid_over_white(tmp_path, channels, alpha, layout):
    """As the same colours and the same alpha of 8 bits are; colours that are multiplied by it say so."""
    colours = np.stack([RAMP, RAMP[::-1], RAMP + 5], axis=-1).reshape(20, 30, 3)[..., :channels]
    opacity = (np.arange(600) * 109).astype(np.uint16).reshape(20, 30, 1) // 257 * 257
    share = opacity / 65535.0
    stored = np.rint(colours * share).astype(np.uint16) if alpha == "assocalpha" else colours
    samples = np.dstack([stored, opacity])
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.moveaxis(samples, -1, 0) if layout == "separate" else samples,
        photometric="rgb" if channels == 3 else "minisblack",
        extrasamples=[alpha],
        planarconfig=layout,
    )
    picture = open_picture(tmp_path / "a.tif")
    assert np.array_equal(np.asarray(picture.alpha), opacity[..., 0] // 257)
    assert np.abs(load_image(tmp_path / "a.tif") - (colours * share / 257 + 255 * (1 - share))).max() < 0.006
    assert np.abs(load_image(tmp_path / "a.tif") - colours / 257).max() > 100


def test_planes_packed_by_lzw_that_are_multiplied_by_their_alpha_stay_sixteen(tmp_path):
    planes = np.stack([RAMP // 2, RAMP // 2, RAMP // 2, np.full_like(RAMP, 0x8080)]).reshape(4, 20, 30)
    (tmp_path / "a.tif").write_bytes(tiff.lzw_file(planes, extra=[1]))
    expected = planes[0] / 257 + 255 * (1 - 0x80 / 255)
    assert np.abs(load_image(tmp_path / "a.tif")[..., 0] - expected).max() < 0.006


def process_wide():
    """What reading a picture may change for a while: Pillow's tables, limit and log, and standard error."""
    return (
        dict(TiffImagePlugin.OPEN_INFO),
        TiffImagePlugin.READ_LIBTIFF,
        Image.MAX_IMAGE_PIXELS,
        logging.getLogger("PIL").level,
        os.fstat(2).st_ino,
    )


def test_threads_that_read_at_once_leave_the_process_as_it_was(tmp_path):
    values = np.arange(600, dtype=np.uint16).reshape(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", compression="zlib")
    before, found = process_wide(), []

    def read():
        found.extend(load_image(tmp_path / "a.tif") for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 120
    assert all(np.abs(image[..., 0] - values / 257).max() < 0.002 for image in found)
    assert process_wide() == before


@pytest.mark.parametrize("name", ["rgb", "grey", "8 bits"])
def test_pillows_tables_stay_as_they_are_while_a_tiff_is_read(tmp_path, monkeypatch, name):
    before, seen = process_wide()[:2], []
    values = np.zeros((20, 30) if name == "grey" else (20, 30, 3), np.uint8 if name == "8 bits" else np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack" if name == "grey" else "rgb", compression=8)
    load = Image.Image.load

    def look(picture):
        seen.append(process_wide()[:2])
        return load(picture)

    monkeypatch.setattr(Image.Image, "load", look)
    load_image(tmp_path / "a.tif")
    assert seen
    assert all(tables == before for tables in seen)


@pytest.mark.parametrize("orientation", range(9))
def test_sixteen_bits_in_planes_are_turned_like_others(orientation, tmp_path):
    planes = np.stack([RAMP, RAMP[::-1], RAMP + 5]).reshape(3, 20, 30)
    tag = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", extratags=tag)
    tifffile.imwrite(tmp_path / "b.tif", np.moveaxis(planes, 0, -1), photometric="rgb", extratags=tag)
    found = load_image(tmp_path / "a.tif")
    assert np.array_equal(found, load_image(tmp_path / "b.tif"))
    assert np.array_equal(found, np.moveaxis(planes, 0, -1) / np.float32(257.0)) == (orientation < 2)


def first_row(path):
    return load_image(path)[0, :, 0].tolist()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([0, 0.5, 1.02, 1], "f4", [0, 127.5, 255, 255]),
        ([np.nan, 0.5, np.inf, 1], "f4", [0, 127.5, 255, 255]),
        ([0, 51, 255, 258], "f4", [0, 51, 255, 255]),
        ([0, 32768, 65535, 65540], "f4", [0, 127.5, 255, 255]),
        ([0, 16384, 32767, 32767], "i2", [0, 127.5, 255, 255]),
        ([0, 100, 200, 255], "i2", [0, 100, 200, 255]),
        ([0, 2**15, 2**16 - 1, 2**16 - 1], "i4", [0, 127.5, 255, 255]),
        ([0, 2**30, 2**31 - 1, 2**31 - 1], "i4", [0, 127.5, 255, 255]),
        ([0, 2**30, 2**31, 2**32 - 1], "u4", [0, 63.75, 127.5, 255]),
        ([0, 100, 200, 255], "u4", [0, 100, 200, 255]),
    ],
)
def test_which_grey_is_white(tmp_path, order, values, kind, expected):
    row = np.tile(np.array(values, kind), (3, 1))
    tifffile.imwrite(tmp_path / "a.tif", row, photometric="minisblack", byteorder=order)
    assert first_row(tmp_path / "a.tif") == pytest.approx(expected, abs=0.01)


def test_a_tiff_that_is_not_known_is_named(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 4)), photometric="minisblack")  # of 64 bits
    with pytest.raises(InputError, match=r"a\.tif is a TIFF picture, .* save it anew, as RGB or PNG\."):
        load_image(tmp_path / "a.tif")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "white"), [("u1", 255), ("u2", 65535), ("f4", 1)])
def test_grey_of_which_nothing_is_white(tmp_path, order, kind, white):
    row = np.array([[0, white / 5, white]]).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", row, photometric="miniswhite", byteorder=order)
    assert first_row(tmp_path / "a.tif") == pytest.approx([255, 204, 0], abs=0.01)


def test_twelve_bits(tmp_path):
    values = (0, 1024, 2048, 4095)
    packed = int("".join(f"{value:012b}" for value in values), 2).to_bytes(6, "big")
    tags = {256: 4, 257: 1, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 6}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    header = b"II*\0" + struct.pack("<I", 14) + packed + struct.pack("<H", len(tags))
    (tmp_path / "a.tif").write_bytes(header + entries + bytes(4))
    assert first_row(tmp_path / "a.tif") == pytest.approx([value * 255 / 4095 for value in values], abs=0.01)


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        ([-32768, 0, 32767], "i2", "its grey goes from -32768 to 32767, and nothing says which value is black."),
        ([0, 1, 200_000], "i4", "its grey reaches to 200000, and nothing says which value is white."),
        ([0, 1, 1e9], "f4", "its grey reaches to 1e+09, and nothing says which value is white."),
        ([-128, 0, 127], "i1", "its samples are signed numbers of 8 bits, of which nothing says how light they are."),
    ],
)
def test_grey_without_a_meaning_is_refused(tmp_path, values, kind, reason):
    tifffile.imwrite(tmp_path / "a.tif", np.array([values], kind), photometric="minisblack")
    with pytest.raises(InputError) as found:
        load_image(tmp_path / "a.tif")
    assert str(found.value).endswith(f"a.tif cannot be read as a picture: {reason}")
    if kind == "i4":
        with pytest.raises(InputError, match="The picture cannot be used: its grey reaches to 200000"):
            open_picture(Image.fromarray(np.array([values], kind)))


def test_a_deep_picture_with_a_profile_has_no_steps(tmp_path):
    ramp = np.repeat(np.linspace(8000, 50_000, 4000), 3).reshape(1, -1, 3)
    tifffile.imwrite(
        tmp_path / "a.tif", ramp.astype(np.uint16), photometric="rgb", iccprofile=icc.rgb_profile(icc.ADOBE_RGB, 1.8)
    )
    found = load_image(tmp_path / "a.tif")
    assert np.abs(found - icc.to_srgb(ramp / 257, icc.ADOBE_RGB, 1.8)).max() < 1.0
    assert len(np.unique(found[..., 0])) > 3000
    assert np.diff(found[0, :, 1]).min() >= 0.0


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
@pytest.mark.parametrize("depth", [8, 16])
def test_profiles_are_followed_into_the_shadows(tmp_path, gamma, depth):
    levels = np.repeat(np.linspace(0, 255, 2041), 3).reshape(1, -1, 3)
    ramp = np.rint(levels * (257 if depth == 16 else 1)).astype(np.uint16 if depth == 16 else np.uint8)
    levels = ramp / (257 if depth == 16 else 1)
    grey, colour = icc.grey_profile(gamma), icc.rgb_profile(icc.SRGB, gamma)
    tifffile.imwrite(tmp_path / "colour.tif", ramp, photometric="rgb", iccprofile=colour)
    tifffile.imwrite(tmp_path / "grey.tif", ramp[..., 0], photometric="minisblack", iccprofile=grey)
    assert np.abs(load_image(tmp_path / "colour.tif") - icc.to_srgb(levels, icc.SRGB, gamma)).max() < 0.6
    assert (
        np.abs(load_image(tmp_path / "grey.tif") - icc.encode((levels / 255) ** (round(gamma * 256) / 256))).max() < 0.6
    )


def test_a_deep_picture_is_shrunk_deep(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([RAMP.reshape(20, 30)] * 3, axis=-1), photometric="rgb")
    small = pixels(open_picture(tmp_path / "a.tif"), (15, 10))
    assert small.shape == (10, 15, 3)
    assert len(np.unique(small)) > 140


def test_deep_bright_edges_stay_bright(tmp_path):
    """Lanczos overshoots there; 16 bits without a sign would wrap around."""
    edge = np.full((8, 8, 3), 65535, dtype=np.uint16)
    edge[:, :4] = 0
    tifffile.imwrite(tmp_path / "a.tif", edge, photometric="rgb")
    large = pixels(open_picture(tmp_path / "a.tif"), (32, 32))
    assert large[:, 19:].min() > 230
    assert large[:, :13].max() < 25


# --- transparency


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
def test_hidden_colours_stay_hidden(tmp_path, name, mode):
    hidden_red(tmp_path / name, mode)
    picture = open_picture(tmp_path / name)
    small = pixels(picture, (9, 5))
    assert small[:, :4].tolist() == pytest.approx(np.full((5, 4, 3), (0, 0, 255)), abs=12)
    assert (small[..., 0] - small[..., 1]).max() <= 1  # not redder than green anywhere: blue to white
    alpha = opacity(picture, (9, 5))
    assert alpha[:, 0].tolist() == pytest.approx([1] * 5, abs=0.05)
    assert alpha[:, -1].tolist() == pytest.approx([0] * 5, abs=0.05)


def test_deep_hidden_colours_stay_hidden(tmp_path):
    picture = np.full((4, 4, 4), (65535, 0, 0, 0), dtype=np.uint16)
    picture[:, 2:] = (0, 0, 65535, 65535)
    deep_png(tmp_path / "a.png", picture, "RGBA;16")
    assert load_image(tmp_path / "a.png")[0].tolist() == [[255, 255, 255]] * 2 + [[0, 0, 255]] * 2
    assert opacity(open_picture(tmp_path / "a.png"), (4, 4))[0].tolist() == [0, 0, 1, 1]


def test_one_colour_that_means_transparent(tmp_path):
    Image.fromarray(COLOURS.astype(np.uint8)).save(tmp_path / "a.png", transparency=(60, 160, 120))
    expected = np.where(COLOURS == (60, 160, 120), 255, COLOURS)
    assert np.array_equal(load_image(tmp_path / "a.png"), expected)
    assert opacity(open_picture(tmp_path / "a.png"), (6, 1)).tolist() == [[1, 0, 1, 1, 1, 1]]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_one_grey_that_means_transparent(tmp_path, bits):
    white = 2**bits - 1
    with (tmp_path / "a.png").open("wb") as file:
        png.Writer(3, 1, greyscale=True, bitdepth=bits, transparent=1).write(file, [[0, 1, white]])
    picture = open_picture(tmp_path / "a.png")
    assert opacity(picture, (3, 1)).tolist() == [[1, 0, int(bits > 1)]]
    assert pixels(picture)[0, :, 0].tolist() == [0, 255, 255]


def test_one_deep_colour_that_means_transparent(tmp_path):
    colours = [65535, 0, 0, 65535, 0, 1, 0, 0, 65535]
    with (tmp_path / "a.png").open("wb") as file:
        png.Writer(3, 1, greyscale=False, bitdepth=16, transparent=(65535, 0, 0)).write(file, [colours])
    picture = open_picture(tmp_path / "a.png")
    assert opacity(picture, (3, 1)).tolist() == [[0, 1, 1]]
    assert pixels(picture)[0] == pytest.approx(np.array([[255, 255, 255], [255, 0, 1 / 257], [0, 0, 255]]), abs=1e-4)
    with Image.open(tmp_path / "a.png") as opened:  # with 8 bits, one colour stands for its neighbours
        assert opacity(open_picture(opened), (3, 1)).tolist() == [[0, 0, 1]]


def test_opaque_alpha_is_no_alpha(tmp_path):
    Image.new("RGBA", (4, 4), (1, 2, 3, 255)).save(tmp_path / "a.png")
    assert open_picture(tmp_path / "a.png").alpha is None


def test_off_white_looks_the_same_on_white():
    generator = np.random.default_rng(1)
    alpha = generator.uniform(0.2, 1.0, (8, 8)).astype(np.float32)
    colours = generator.uniform(0, 255, (8, 8, 3)).astype(np.float32)
    seen = 255 - (255 - colours) * alpha[..., np.newaxis]
    assert np.abs(off_white(seen, alpha) - colours).max() < 0.01
    assert np.abs(seen - colours).max() > 50
    clear = off_white(np.full((8, 8, 3), 255, np.float32), np.zeros((8, 8), np.float32))
    assert np.unique(clear).tolist() == [255]


@pytest.mark.parametrize(("name", "bits"), [("a.png", 8), ("a.webp", 8), ("a.tif", 8), ("a.png", 16), ("a.tif", 16)])
def test_alpha_is_saved(tmp_path, name, bits):
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


# --- EXIF


def told(**more):
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model], exif[Base.Copyright] = "Maker", "Model 1", "(c) somebody"
    exif[Base.Software], exif[Base.Orientation] = "a secret", 6
    exif[IFD.Exif] = {int(Base.DateTimeOriginal): "2024:05:06 07:08:09", int(Base.BodySerialNumber): "12345"}
    exif[IFD.GPSInfo] = {1: "N", 2: (48.0, 8.0, 0.0)}
    return exif


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "avif", "heic"])
def test_exif_is_read_from(tmp_path, extension):
    if extension == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.new("RGB", (64, 48), "red").save(tmp_path / f"a.{extension}", exif=told().tobytes())
    picture = open_picture(tmp_path / f"a.{extension}")
    assert picture.exif[Base.Copyright] == "(c) somebody"
    assert picture.exif[IFD.Exif] == {int(Base.DateTimeOriginal): "2024:05:06 07:08:09"}
    assert set(carried(picture.exif)) == {Base.Make, Base.Model, Base.Copyright, IFD.Exif}
    assert set(carried(picture.exif, keep_gps=True)) - set(carried(picture.exif)) == {IFD.GPSInfo}
    assert picture.size == (48, 64)  # turned once: HEIC and AVIF files say it twice


@pytest.mark.parametrize(
    ("name", "bits"), [("a.png", 8), ("a.jpg", 8), ("a.webp", 8), ("a.tif", 8), ("a.png", 16), ("a.tif", 16)]
)
def test_exif_is_written_to(tmp_path, name, bits):
    image = COLOURS.astype(np.float32)
    save_image(tmp_path / name, image, bits=bits, exif=carried(told(), keep_gps=True))
    with Image.open(tmp_path / name) as picture:
        exif = picture.getexif()
        picture.load()
        assert exif[Base.Copyright].strip("\0") == "(c) somebody"
        assert Base.Software not in exif
        assert exif.get(Base.Orientation, 1) == 1
        if name == "a.tif":
            assert exif[Base.DateTime] == "2024:05:06 07:08:09"
        else:
            assert exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] == "2024:05:06 07:08:09"
            assert exif.get_ifd(IFD.GPSInfo)[1] == "N"
    save_image(tmp_path / name, image, bits=bits, exif=carried(told()))
    with Image.open(tmp_path / name) as picture:
        assert not picture.getexif().get_ifd(IFD.GPSInfo)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize(
    ("name", "bits"), [("a.png", 8), ("a.jpg", 8), ("a.webp", 8), ("a.tif", 8), ("a.png", 16), ("a.tif", 16)]
)
def test_names_keep_their_letters(tmp_path, name, bits, encoding):
    exif, names = told(), {Base.Copyright: "© 2024 Jürgen Müller", Base.Artist: "Jürgen Müller"}
    for tag, text in names.items():
        exif[tag] = text.encode(encoding)
    Image.new("RGB", (64, 48)).save(tmp_path / "photo.jpg", exif=exif)
    source = tmp_path / "photo.jpg"
    for _ in range(2):  # a result may be the next photo
        picture = open_picture(source)
        assert {tag: picture.exif[tag] for tag in names} == names
        save_image(tmp_path / name, COLOURS.astype(np.float32), bits=bits, exif=carried(picture.exif, keep_gps=True))
        source = tmp_path / name
        assert source.read_bytes().count("Jürgen Müller".encode()) == 2


@pytest.mark.parametrize("number", range(1, 9))
def test_every_orientation(tmp_path, number):
    noise = np.random.default_rng(number).integers(0, 256, (5, 8, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[Base.Orientation] = number
    Image.fromarray(noise).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    picture = open_picture(tmp_path / "a.png")
    assert picture.size == (expected.shape[1], expected.shape[0])
    assert np.array_equal(pixels(picture), expected)
    assert pixels(picture, fit(picture.size, 4)).shape[:2] == ((4, 2) if number >= 5 else (2, 4))


# --- formats


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "gif", "bmp", "jp2", "avif", "heic"])
def test_formats_are_told_by_content(tmp_path, extension):
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


def test_films_are_no_heic(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + bytes(100))
    assert "is not a picture of a known format" in without_plug_in("a.heic", tmp_path)


def test_avif_of_a_shared_brand(tmp_path):
    Image.new("RGB", (64, 48), (200, 40, 90)).save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    assert data[4:12] == b"ftypavif"
    (tmp_path / "a.avif").write_bytes(data[:8] + b"mif1" + data[12:])
    assert without_plug_in("a.avif", tmp_path) == "(64, 48)\n"
    pytest.importorskip("pillow_heif").register_heif_opener()
    assert np.abs(load_image(tmp_path / "a.avif") - (200, 40, 90)).max() < 8


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.tif", "a.png", "a.avif"])
def test_the_first_of_several_frames(tmp_path, name):
    first, second = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    first.save(tmp_path / name, save_all=True, append_images=[second])
    with Image.open(tmp_path / name) as picture:
        assert picture.n_frames == 2
    assert np.abs(load_image(tmp_path / name) - (255, 0, 0)).max() < 8


# --- what is no picture


def test_a_file_that_says_it_is_too_large(tmp_path):
    Image.new("1", (3000, 2000)).save(tmp_path / "large.png")
    with pytest.raises(InputError, match=r"3000x2000 pixels, more than 1,500,000; .* --max-pixels\."):
        open_picture(tmp_path / "large.png", 1_500_000)
    assert open_picture(tmp_path / "large.png", 6_000_000).size == (3000, 2000)


def test_links_pipes_and_devices_are_not_opened(tmp_path):
    (tmp_path / "link.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "round.png").symlink_to("round.png")
    for path, sentence in (
        (tmp_path / "link.png", "link.png is a link to nowhere.png, where there is nothing."),
        (tmp_path / "pipe.png", "pipe.png is a named pipe; expected a picture file."),
        ("/dev/zero", "/dev/zero is a device; expected a picture file."),
        (tmp_path / "empty.png", "empty.png is empty, 0 bytes; expected a picture file. Copy it anew."),
        (tmp_path / "round.png", "round.png cannot be read as a picture: Too many levels of symbolic links."),
        ("a\0.png", "cannot be read as a picture: embedded null byte."),
    ):
        with pytest.raises(InputError) as found:
            open_picture(path)
        assert str(found.value).endswith(sentence)


def test_a_good_link_is_followed(tmp_path):
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    (tmp_path / "link").symlink_to("a.png")
    assert open_picture(tmp_path / "link").size == (4, 4)


# --- whole commands


def test_a_run_keeps_alpha_and_chosen_exif(command, painting, tmp_path):
    photo = Image.linear_gradient("L").resize((48, 64)).convert("RGB")
    photo.putalpha(Image.radial_gradient("L").resize((48, 64)))
    photo.save(tmp_path / "clear.png", exif=told())
    run = ("run", "-c", "clear.png", "-s", painting, "--size", "64", "--steps", "1", "-q")
    assert command(*run, "-o", "kept.png").returncode == 0
    assert command(*run, "-o", "flat.png", "--alpha", "flatten", "--keep-gps").returncode == 0
    with Image.open(tmp_path / "kept.png") as kept, Image.open(tmp_path / "flat.png") as flat:
        assert (kept.mode, kept.size, flat.mode, flat.size) == ("RGBA", (64, 48), "RGB", (64, 48))  # turned
        turned = Image.radial_gradient("L").resize((48, 64)).transpose(Image.Transpose.ROTATE_270)
        assert np.abs(np.asarray(kept.getchannel("A"), float) - np.asarray(turned, float)).max() <= 1
        assert kept.getexif()[Base.Copyright] == flat.getexif()[Base.Copyright] == "(c) somebody"
        assert not kept.getexif().get_ifd(IFD.GPSInfo)
        assert flat.getexif().get_ifd(IFD.GPSInfo)[1] == "N"
        clear = 255.0 - np.asarray(kept.getchannel("A"), float)[..., np.newaxis]
    # Laid over white, it is what was painted, but where it lets white through, it is at least as light.
    expected = np.maximum(load_image(tmp_path / "flat.png"), clear)
    assert np.abs(load_image(tmp_path / "kept.png") - expected).max() <= 2
