"""Gray of more than 8 bits: which value is white, and files that do not say it."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from neurotransfer.image_io.arrays import load_image, open_picture
from neurotransfer.system.errors import InputError


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
def test_white_point_of_gray_tiff(tmp_path, order, values, kind, expected):
    row = np.tile(np.array(values, kind), (3, 1))
    tifffile.imwrite(tmp_path / "a.tif", row, photometric="minisblack", byteorder=order)
    assert first_row(tmp_path / "a.tif") == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "white"), [("u1", 255), ("u2", 65535), ("f4", 1)])
def test_white_is_zero_tiff_is_inverted(tmp_path, order, kind, white):
    row = np.array([[0, white / 5, white]]).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", row, photometric="miniswhite", byteorder=order)
    assert first_row(tmp_path / "a.tif") == pytest.approx([255, 204, 0], abs=0.01)


def test_white_of_12_bit_tiff_is_4095(tmp_path):
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
def test_gray_with_unknown_black_or_white_is_refused(tmp_path, values, kind, reason):
    tifffile.imwrite(tmp_path / "a.tif", np.array([values], kind), photometric="minisblack")
    with pytest.raises(InputError) as found:
        load_image(tmp_path / "a.tif")
    assert str(found.value).endswith(f"a.tif cannot be read as a picture: {reason}")
    if kind == "i4":
        with pytest.raises(InputError, match="The picture cannot be used: its grey reaches to 200000"):
            open_picture(Image.fromarray(np.array([values], kind)))
