"""Files of kinds that people reported to other programs: docs/reliability.md lists them with their threads."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from neurotransfer.image_io.arrays import load_image
from neurotransfer.system.errors import InputError

QUARTERS = [(200, 40, 40), (40, 160, 60), (40, 60, 190), (220, 200, 50)]
NUMBERS = np.repeat(np.repeat(np.array([[0, 1], [2, 3]], np.uint8), 24, 0), 32, 1)
"""Which quarter a pixel is of."""
SCENE = np.array(QUARTERS, np.uint8)[NUMBERS]
GRAY = np.array([40, 90, 150, 250], np.uint8)[NUMBERS]
PICTURE, GRAY_PICTURE = Image.fromarray(SCENE), Image.fromarray(GRAY)
ALL_IN_ALPHA = Image.merge("RGBA", [Image.new("L", PICTURE.size)] * 3 + [GRAY_PICTURE])
OTHER = Image.new("RGB", PICTURE.size)


def saved(picture, form, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


JPEG = saved(PICTURE, "JPEG", quality=95, subsampling=0)
PNG = saved(PICTURE, "PNG")


def chunk(name, content, *, damage=0):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content) ^ damage)


def after_header(*chunks):
    return PNG[:33] + b"".join(chunks) + PNG[33:]


def png_with_wrong_checksum_of_pixels():
    place = PNG.index(b"IDAT")
    end = place + 4 + int.from_bytes(PNG[place - 4 : place])
    return PNG[:end] + bytes(4) + PNG[end + 4 :]


def bmp(bits, compression, data, height=48, *, palette=b"", masks=b""):
    offset = 54 + len(masks) + len(palette)
    head = struct.pack("<IiiHHIIiiII", 40, 64, height, 1, bits, compression, len(data), 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + head + masks + palette + data


def run_lengths(factor):
    """Rows of two runs, from below, each ended by a mark."""
    rows = [bytes((32, factor * row[0], 32, factor * row[-1], 0, 0)) for row in NUMBERS[::-1].tolist()]
    return b"".join(rows) + b"\0\1"


PALETTE = b"".join(bytes((blue, green, red, 0)) for red, green, blue in QUARTERS)


def bits_565():
    red, green, blue = (SCENE[..., channel].astype("<u2") for channel in range(3))
    return ((red >> 3 << 11) | (green >> 2 << 5) | blue >> 3)[::-1].tobytes()


def tiff(tags, data=b""):
    """A little-endian TIFF file: tags are numbers, or bytes that follow them; ``data`` is where a tag says None."""
    begin, values, entries = 8 + 2 + 12 * len(tags) + 4, b"", b""
    extra = b"".join(value for value in tags.values() if isinstance(value, bytes))
    for tag, value in sorted(tags.items()):
        if isinstance(value, bytes):
            entries += struct.pack("<HHII", tag, 3, len(value) // 2, begin + len(values))
            values += value
        else:
            entries += struct.pack("<HHII", tag, 4, 1, begin + len(extra) if value is None else value)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + values + data


def old_jpeg_in_tiff(jpeg, *, gray=False):
    size = {256: 64, 257: 48, 278: 48, 259: 6, 273: None, 279: len(jpeg), 512: 1, 513: None, 514: len(jpeg)}
    color = {258: 8, 262: 1, 277: 1} if gray else {258: struct.pack("<3H", 8, 8, 8), 262: 6, 277: 3, 530: 65537}
    return tiff(size | color, jpeg)


def planar_tiff():
    file = io.BytesIO()
    tifffile.imwrite(file, np.moveaxis(SCENE, -1, 0), photometric="rgb", planarconfig="separate")
    return file.getvalue()


def adobe_rgb_marker_of_version_101():
    data = bytearray(saved(PICTURE, "JPEG", quality=95, subsampling=0, keep_rgb=True))
    place = data.index(b"Adobe") + 5
    data[place : place + 2] = b"\0\x65"
    return bytes(data)


def height_after_the_pixels():
    data, place = bytearray(JPEG), JPEG.index(b"\xff\xc0")
    data[place + 5 : place + 7] = bytes(2)
    return bytes(data[:-2]) + b"\xff\xdc\0\4\0\x30\xff\xd9"


def box(name, content):
    return struct.pack(">I", 8 + len(content)) + name + content


def jp2_with_a_palette():
    plain = saved(Image.fromarray(NUMBERS), "JPEG2000", irreversible=False)
    begin = plain.index(b"jp2h") - 4
    end = begin + int.from_bytes(plain[begin : begin + 4])
    header = plain[begin + 8 : begin + 8 + 22]
    palette = struct.pack(">HB", 4, 3) + bytes((7, 7, 7)) + bytes(np.array(QUARTERS, np.uint8))
    mapping = b"".join(struct.pack(">HBB", 0, 1, channel) for channel in range(3))
    color = box(b"colr", b"\1\0\0" + struct.pack(">I", 16))
    return plain[:begin] + box(b"jp2h", header + color + box(b"pclr", palette) + box(b"cmap", mapping)) + plain[end:]


def segment(marker, content):
    return JPEG[:2] + marker + struct.pack(">H", 2 + len(content)) + content + JPEG[2:]


READ = {
    "png-checksum-of-phys": (after_header(chunk(b"pHYs", bytes(9), damage=5)), SCENE),
    "png-checksum-of-text": (after_header(chunk(b"iTXt", b"a\0\0\0\0\0text", damage=5)), SCENE),
    "png-checksum-of-pixels": (png_with_wrong_checksum_of_pixels(), SCENE),
    "png-trailing-bytes": (PNG + b"\0\0", SCENE),
    "png-gray-of-16-bits": (saved(Image.fromarray(GRAY.astype(np.uint16) * 257), "PNG"), GRAY),
    "png-all-in-its-alpha": (saved(ALL_IN_ALPHA, "PNG"), 255 - GRAY),
    "png-animated": (saved(PICTURE, "PNG", save_all=True, append_images=[OTHER]), SCENE),
    "webp-animated": (saved(PICTURE, "WEBP", save_all=True, append_images=[OTHER], lossless=True), SCENE),
    "bmp-rle8": (bmp(8, 1, run_lengths(1), palette=PALETTE), SCENE),
    "bmp-rle4": (bmp(4, 2, run_lengths(17), palette=PALETTE), SCENE),
    "bmp-from-above": (bmp(24, 0, SCENE[..., ::-1].tobytes(), -48), SCENE),
    "bmp-565": (bmp(16, 3, bits_565(), masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)), SCENE),
    "tiff-of-planes": (planar_tiff(), SCENE),
    "tiff-ycbcr": (saved(PICTURE.convert("YCbCr"), "TIFF"), SCENE),
    "tiff-old-jpeg": (old_jpeg_in_tiff(JPEG), SCENE),
    "jpeg-several-pictures": (saved(PICTURE, "MPO", save_all=True, append_images=[OTHER], quality=95), SCENE),
    "jpeg-adobe-101": (adobe_rgb_marker_of_version_101(), SCENE),
    "jpeg-inverted-cmyk": (saved(PICTURE.convert("CMYK"), "JPEG", quality=95), SCENE),
    "jpeg-gray": (saved(GRAY_PICTURE, "JPEG", quality=95), GRAY),
    "jpeg-exif-that-is-none": (segment(b"\xff\xe1", b"Exif\0\0http://ns.adobe.com/xap/1.0/\0"), SCENE),
    "jpeg-empty-table": (segment(b"\xff\xc4", b""), SCENE),
    "jpeg2000-palette": (jp2_with_a_palette(), SCENE),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_kinds_that_are_read(tmp_path, name):
    data, expected = READ[name]
    (tmp_path / name).write_bytes(data)
    found = load_image(tmp_path / name)
    expected = np.asarray(expected, np.float32)
    expected = expected if expected.ndim == 3 else np.repeat(expected[..., np.newaxis], 3, -1)
    middles = np.s_[12::24, 16::32]
    assert found.shape == expected.shape
    assert np.abs(found[middles] - expected[middles]).max() < 8
    assert np.abs(found[middles] - expected[middles][::-1]).max() > 50


def test_gray_of_2_bits_with_a_transparent_gray(tmp_path):
    levels = Image.fromarray(NUMBERS)
    levels.save(tmp_path / "a.png", bits=2, transparency=1)
    found = load_image(tmp_path / "a.png")
    expected = np.array([0, 255, 170, 255])[NUMBERS]
    assert np.abs(found[..., 0] - expected).max() < 1


def test_a_heic_picture_told_twice_to_be_turned_is_turned_once(tmp_path):
    pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    exif[0x112] = 6
    data = saved(PICTURE, "HEIF", exif=exif.tobytes(), quality=95)
    assert b"irot" in data and b"Exif" in data
    (tmp_path / "a.heic").write_bytes(data)
    found, expected = load_image(tmp_path / "a.heic"), np.rot90(SCENE, -1)
    assert found.shape == expected.shape
    assert np.abs(found[16::32, 12::24] - expected[16::32, 12::24]).max() < 8


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (height_after_the_pixels(), "is a JPEG picture, but a damaged or unusual one; save it again, as PNG in RGB."),
        (old_jpeg_in_tiff(saved(GRAY_PICTURE, "JPEG"), gray=True), "is a TIFF picture, but a damaged or unusual one"),
        (tiff({256: 64, 257: 48, 258: 8, 259: 1, 262: 1, 277: 1}), "is a TIFF picture, but a damaged or unusual one"),
        (PNG[:20] + bytes(4) + PNG[24:], "is a PNG picture, but a damaged or unusual one"),
    ],
)
def test_kinds_that_are_refused(tmp_path, data, told):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(InputError, match=told):
        load_image(tmp_path / "a")
