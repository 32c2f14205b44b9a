"""PBM, PGM and PPM: binary and plain, with 8 and 16 bits."""

import numpy as np
import pytest
from PIL import Image

from neurotransfer.image_io.arrays import load_image, open_picture
from neurotransfer.system.errors import InputError

COLORS = np.array([[(200, 40, 40), (40, 160, 60), (0, 0, 0)], [(40, 60, 190), (220, 200, 50), (255, 255, 255)]])
GRAY = np.array([[0, 17, 200], [255, 128, 3]])
BITS = np.array([[1, 0, 1], [0, 0, 1]])
"""1 is black."""


def plain(kind, values, white=None, between=" "):
    numbers = between.join(map(str, values.reshape(-1)))
    return f"P{kind}\n# a remark 9 9\n3 2\n{white or ''}\n{numbers}\n".encode()


def binary(kind, values, white, dtype):
    return f"P{kind} 3\t2 # 7\n{white}\n".encode() + values.astype(dtype).tobytes()


FILES = {
    "P1": (plain(1, BITS, between=""), 255 * (1 - BITS)),
    "P1 with spaces": (plain(1, BITS), 255 * (1 - BITS)),
    "P2": (plain(2, GRAY, 255), GRAY),
    "P2 of 16 bits": (plain(2, GRAY * 257, 65535), GRAY),
    "P3": (plain(3, COLORS, 255, "\n"), COLORS),
    "P4": (b"P4\n3 2\n" + np.packbits(BITS, axis=1).tobytes(), 255 * (1 - BITS)),
    "P5": (binary(5, GRAY, 255, "u1"), GRAY),
    "P5 of 16 bits": (binary(5, GRAY * 257, 65535, ">u2"), GRAY),
    "P5, dark, of 16 bits": (binary(5, GRAY, 65535, ">u2"), GRAY / 257),
    "P5 of 10 bits": (binary(5, GRAY * 4, 1020, ">u2"), GRAY),
    "P2 with too large numbers": (plain(2, GRAY + 10**17 * (GRAY == 255), 255), GRAY),
    "P6": (binary(6, COLORS, 255, "u1"), COLORS),
    "P6 of 16 bits": (binary(6, COLORS * 257, 65535, ">u2"), COLORS),
    "P6 of 5 bits": (binary(6, COLORS // 8, 31, "u1"), COLORS // 8 * (255 / 31)),
}


@pytest.mark.parametrize("name", FILES)
def test_pnm_is_read(tmp_path, name):
    data, expected = FILES[name]
    (tmp_path / "a.jpg").write_bytes(data)
    found = load_image(tmp_path / "a.jpg")
    assert found.shape == (2, 3, 3)
    assert np.allclose(found, expected if expected.ndim == 3 else expected[..., np.newaxis], atol=0.003)
    assert not np.allclose(found[::-1], found)


def test_16_bits_of_color_stay(tmp_path):
    values = np.arange(30_000, 30_600, dtype=np.uint16).reshape(1, 200, 3)
    (tmp_path / "a.ppm").write_bytes(b"P6 200 1 65535\n" + values.astype(">u2").tobytes())
    assert np.array_equal(np.rint(load_image(tmp_path / "a.ppm") * 257), values)
    assert len(np.unique(load_image(tmp_path / "a.ppm"))) == 600  # with 8 bits there were 4


def test_as_pillow_writes_it(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300, 500, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.ppm")
    assert np.array_equal(load_image(tmp_path / "a.ppm"), noise)


def test_long_plain_files_are_read_block_by_block(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (500, 400, 3))
    (tmp_path / "a.ppm").write_bytes(b"P3 400 500 255\n" + " ".join(map(str, noise.reshape(-1))).encode())
    assert (tmp_path / "a.ppm").stat().st_size > 2 << 20
    assert np.array_equal(load_image(tmp_path / "a.ppm"), noise)


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"P6 300 300 255\n" + bytes(1000), "it ends before its pixels do; copy or download it again."),
        (b"P3 3 2 255\n1 2 3 4", "it ends before its pixels do; copy or download it again."),
        (b"P2 3 2 255\n1 2 3 four 5 6", "its samples are not numbers."),
        (b"P2 3 2 255\n" + b"1" * 3_000_000, "its samples are not numbers."),
        (b"P6 99999 99999 255\n", "more than 100,000,000; if that is true, allow it with --max-pixels."),
        (b"P3 9999 9999 255\n", "more than 20,000,000; if that is true, allow it with --max-pixels."),
        (b"P6 3 2 70000\n" + bytes(100), "expected JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP, JPEG 2000 or PNM."),
        (b"P5 0 2 255\n", "it has no pixels."),
        (b"P6" + b" " * 4000 + b"x", "expected JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP, JPEG 2000 or PNM."),
    ],
)
def test_damaged_pnm_is_refused(tmp_path, data, sentence):
    (tmp_path / "a.ppm").write_bytes(data)
    with pytest.raises(InputError) as found:
        open_picture(tmp_path / "a.ppm")
    assert str(found.value).endswith(sentence)
