"""TIFF files of many layouts, each beside another library's reading of it; and hostile ones."""

import subprocess
import sys
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.ExifTags import Base

from neurotransfer.image_io.arrays import load_image, open_picture
from neurotransfer.system.errors import InputError
from tests.conftest import clean_environment
from tests.image_io import tiff

NOISE = np.random.default_rng(3).integers(0, 65536, (70, 90, 3), dtype=np.uint16)
RGB = {256: 90, 257: 70, 258: [16, 16, 16], 262: 2, 277: 3}
"""The tags of `NOISE`."""


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 16},
        {"tile": (32, 48)},
        {"compression": "zlib", "rowsperstrip": 7},
        {"compression": "zlib", "predictor": True, "tile": (64, 16)},
        {"bigtiff": True},
        {"compression": "lzma"},
    ],
    ids=str,
)
def test_every_layout_of_16_bit_tiff_is_exact(tmp_path, order, planes, options):
    samples = np.moveaxis(NOISE, -1, 0) if planes == "separate" else NOISE
    if "bigtiff" in options:
        order = "<"  # Pillow does not read the tags of the other
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", planarconfig=planes, byteorder=order, **options)
    assert np.array_equal(open_picture(tmp_path / "a.tif").colors, NOISE)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"])
@pytest.mark.parametrize("predictor", [1, 2])
def test_gray_packed_by_libtiff_is_exact(tmp_path, compression, predictor):
    options = {} if compression == "packbits" else {"tiffinfo": {317: predictor}}
    Image.fromarray(NOISE[..., 0]).save(tmp_path / "a.tif", compression=compression, **options)
    assert np.array_equal(open_picture(tmp_path / "a.tif").colors[..., 0], NOISE[..., 0])


@pytest.mark.parametrize("predictor", [1, 2, 3])
def test_float_predictors_are_undone(tmp_path, predictor):
    values = NOISE[..., 0].astype(np.float32) / 65535
    Image.fromarray(values).save(tmp_path / "a.tif", compression="tiff_lzw", tiffinfo={317: predictor})
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].predictor == predictor
    assert np.abs(load_image(tmp_path / "a.tif")[..., 0] - values * 255).max() < 0.003


def test_lzw_with_predictor_is_exact(tmp_path):
    differences = np.diff(NOISE, axis=1, prepend=np.uint16(0))
    data = tiff.lzw(differences.astype("<u2").tobytes())
    (tmp_path / "a.tif").write_bytes(tiff.tiff_file(RGB | {259: 5, 278: 70, 317: 2}, [data]))
    assert np.array_equal(open_picture(tmp_path / "a.tif").colors, NOISE)


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_16_bit_cmyk_is_read_with_8_bits(tmp_path, planes):
    inks = np.dstack([NOISE, NOISE[::-1, :, :1]])
    stored = np.moveaxis(inks, -1, 0) if planes == "separate" else inks
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="separated", planarconfig=planes)
    colors = open_picture(tmp_path / "a.tif").colors
    assert colors.mode == "CMYK"
    assert np.array_equal(np.asarray(colors), inks >> 8)


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_very_large_16_bit_tiff_is_read_with_8_bits(tmp_path, monkeypatch, planes):
    monkeypatch.setattr("neurotransfer.image_io.reading.MAX_DEEP_PIXELS", 6000)
    alpha = np.full((70, 90, 1), 65535, np.uint16)
    alpha[:9] = 0
    samples = np.dstack([NOISE, alpha])
    stored = np.moveaxis(samples, -1, 0) if planes == "separate" else samples
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planes, extrasamples=["unassalpha"])
    picture = open_picture(tmp_path / "a.tif")
    assert picture.colors.mode == "RGB"
    assert np.array_equal(np.asarray(picture.colors), np.where(alpha == 0, 255, NOISE >> 8))
    assert np.array_equal(np.asarray(picture.alpha), alpha[..., 0] >> 8)


@pytest.mark.parametrize("big", [False, True])
def test_exif_of_16_bit_tiff_is_read(tmp_path, big):
    tags = [(int(Base.Orientation), "H", 1, 6, True), (int(Base.Copyright), "s", 0, "(c) somebody", True)]
    tifffile.imwrite(tmp_path / "a.tif", NOISE, photometric="rgb", extratags=tags, bigtiff=big)
    picture = open_picture(tmp_path / "a.tif")
    assert (picture.orientation, picture.size) == (6, (70, 90))
    assert picture.exif[Base.Copyright] == "(c) somebody"


def test_16_bit_tiff_has_a_pixel_limit(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", NOISE, photometric="rgb")
    with pytest.raises(InputError, match=r"90x70 pixels, more than 6,000; .* --max-pixels\."):
        open_picture(tmp_path / "a.tif", 6000)


@pytest.mark.parametrize(
    ("tags", "pieces", "reason"),
    [
        ({278: 70}, [bytes(70 * 90 * 6 - 1)], "it ends before its pixels do"),
        ({278: 1}, [bytes(540)] * 69, "it does not say where all of its pixels are"),
        ({322: 16, 323: 0}, [bytes(540)], "its pieces have no pixels"),
        ({256: 1, 257: 100_000, 278: 1}, [bytes(6)], "it is cut into more than 40,000 pieces"),
        ({322: 2**31, 323: 2**31}, [b""], "its strips are too large to be unpacked at once; save it again, as PNG"),
        (
            {259: 5, 322: 2**31, 323: 2**31},
            [b""],
            "its strips are too large to be unpacked at once; save it again, as PNG",
        ),
        (
            {259: 5, 278: 70, 279: 2**32 - 1},
            [b""],
            "ends too early, and cannot be read; copy or download it again",
        ),
        ({259: 5, 278: 70, 317: 9}, [tiff.lzw(bytes(70 * 90 * 6))], "nobody knows its predictor 9"),
    ],
)
def test_damaged_16_bit_tiff_is_refused_in_a_sentence(tmp_path, tags, pieces, reason):
    data = tiff.tiff_file(RGB | {259: 1} | tags, pieces)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(InputError) as found:
        open_picture(tmp_path / "a.tif")
    assert str(found.value).endswith(f" {reason}.")


def hostile_file(name):
    long, gray = np.full(20_000_000, 300), {256: 64, 257: 64, 258: 16, 262: 1, 277: 1}
    if name == "20 million strips":
        return tiff.tiff_file(gray | {273: long, 279: long}, [])
    if name == "20 million bits":
        return tiff.tiff_file(gray | {258: long, 277: 20_000_000}, [b""])
    if name == "a strip that unpacks to 500 MB":
        return tiff.tiff_file(RGB | {259: 8, 278: 70}, [zlib.compress(bytes(500_000_000), 1)])
    return tiff.tiff_file(RGB | {256: 9_900, 257: 9_900, 259: 1, 278: 9_900}, [b""])


@pytest.mark.parametrize(
    "name", ["20 million strips", "20 million bits", "a strip that unpacks to 500 MB", "large and without pixels"]
)
def test_hostile_tiff_takes_little_memory(tmp_path, name):
    (tmp_path / "a.tif").write_bytes(hostile_file(name))
    code = (
        "from pathlib import Path\n"
        "from neurotransfer.image_io.arrays import open_picture\n"
        "from neurotransfer.system.errors import InputError\n"
        "try: open_picture('a.tif')\nexcept InputError: pass\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=clean_environment()
    )
    assert done.stderr == ""
    assert int(done.stdout) * 1024 < 350e6


@pytest.mark.parametrize(
    ("samples", "photometric"),
    [
        (np.full((8, 8, 3), 30_000, np.uint16), "cielab"),
        (np.full((8, 8, 3), 100, np.uint8), "icclab"),
        (np.full((8, 8, 3), 30_000, np.uint16), "icclab"),
        (np.full((8, 8, 3), 0.5, np.float16), "rgb"),
        (np.full((8, 8, 3), 0.5, np.float32), "rgb"),
        (np.full((8, 8), 0.5, np.float16), "minisblack"),
    ],
)
def test_samples_of_unusual_meaning_are_refused(tmp_path, samples, photometric):
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric=photometric)
    with pytest.raises(InputError, match=r"a\.tif is a TIFF picture, but a damaged or unusual one; save it again"):
        load_image(tmp_path / "a.tif")
    plain = np.full(samples.shape, 100, np.uint8)
    tifffile.imwrite(tmp_path / "b.tif", plain, photometric="minisblack" if plain.ndim == 2 else "rgb")
    assert np.abs(load_image(tmp_path / "b.tif") - 100).max() < 1
