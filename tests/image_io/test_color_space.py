"""Color spaces told without a profile: what is read is what the colors mean, in the order of the specifications."""

import logging
import struct
import zlib

import numpy as np
import png
import pytest
from PIL import Image, PngImagePlugin
from PIL.ExifTags import IFD

from neurotransfer.image_io.arrays import load_image, open_picture, pixels
from neurotransfer.image_io.iso_boxes import primary_properties
from tests.image_io import icc

SCENE = np.array([[(200, 40, 40), (40, 160, 60)], [(40, 60, 190), (220, 200, 50)]], dtype=np.float64)
"""What a viewer shows; each file holds it in its own way."""

BT2020_OF_BT709 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""ITU-R BT.2087."""
P3_OF_SRGB = np.array(icc.SRGB) @ np.linalg.inv(np.array(icc.DISPLAY_P3))
ADOBE_OF_SRGB = np.array(icc.SRGB) @ np.linalg.inv(np.array(icc.ADOBE_RGB))


def light(colors):
    shares = np.asarray(colors) / 255.0
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def in_p3(colors):
    return icc.encode(light(colors) @ P3_OF_SRGB)


def in_adobe_rgb(colors):
    return 255.0 * (light(colors) @ ADOBE_OF_SRGB) ** (256 / 563)


def in_pq(nits):
    """SMPTE ST 2084, from cd/m² to samples in 0..1."""
    root = (np.asarray(nits) / 10_000.0) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * root) / (1 + 18.6875 * root)) ** 78.84375


def in_hlg(nits):
    """ITU-R BT.2100, from cd/m² on a screen of 1000 to samples in 0..1: inverse OOTF, then OETF."""
    shown = np.asarray(nits) / 1000.0
    scene = shown * ((shown @ (0.2627, 0.6780, 0.0593)) ** (1 / 1.2 - 1))[..., np.newaxis]
    logarithm = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), logarithm)


def in_bt2020(colors, coded, white=203.0):
    return 255.0 * coded(white * light(colors) @ BT2020_OF_BT709.T)


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def cicp(primaries, transfer, *, matrix=0, full=1):
    return chunk(b"cICP", bytes((primaries, transfer, matrix, full)))


def gamma(value):
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chromaticity(*numbers):
    return chunk(b"cHRM", struct.pack(">8I", *(round(number * 100_000) for number in numbers)))


P3 = chromaticity(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
BT709 = chromaticity(0.3127, 0.329, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
SRGB = chunk(b"sRGB", b"\1")
ADOBE_PROFILE = chunk(b"iCCP", b"a\0\0" + zlib.compress(icc.rgb_profile(icc.ADOBE_RGB, 563 / 256)))


def exif_of(color_space, index=None):
    """EXIF as a file's: Pillow cannot save in a TIFF file what it has not read, and there no index."""
    made, read = Image.Exif(), Image.Exif()
    made[IFD.Exif] = {0xA001: color_space} | ({IFD.Interop: {1: index}} if index else {})
    read.load(made.tobytes())
    return read


ADOBE_EXIF = exif_of(65535, "R03")


def write_png(path, colors, *chunks, bits=16, mode="RGB"):
    """Write colors in 0..255 with chunks after the header."""
    top = 2**bits - 1
    samples = np.rint(np.clip(colors, 0, 255) * top / 255).astype(f"u{bits // 8}")
    png.from_array(samples.reshape(len(samples), -1), f"{mode};{bits}").save(path)
    data = path.read_bytes()
    path.write_bytes(data[:33] + b"".join(chunks) + data[33:])
    return path


def distance(path, colors=SCENE):
    return np.abs(load_image(path) - colors).max()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("coded", "chunks"),
    [
        (in_p3(SCENE), [cicp(12, 13)]),
        (in_p3(SCENE), [P3]),
        (in_p3(SCENE), [gamma(0.45455), P3]),
        (255 * light(SCENE), [gamma(1.0)]),
        (255 * light(SCENE), [BT709, gamma(1.0)]),
        (255 * light(SCENE), [cicp(1, 8)]),
        (255 * light(SCENE) ** (1 / 1.8), [gamma(0.55556)]),
        (16 + 219 * SCENE / 255, [cicp(1, 13, full=0)]),
        (icc.encode(light(SCENE) @ BT2020_OF_BT709.T), [cicp(9, 13)]),
    ],
)
def test_colors_told_by_chunks_are_converted(tmp_path, coded, chunks, bits):
    # In light of 8 bits, a level is three levels of sRGB near black; the ends of 8-bit P3 are a level apart.
    assert distance(write_png(tmp_path / "a.png", coded, *chunks, bits=bits)) < (3.5 if bits == 8 else 0.5)
    assert distance(write_png(tmp_path / "b.png", coded, bits=bits)) > 8


@pytest.mark.parametrize(
    ("coded", "chunks", "winner"),
    [
        (in_p3(SCENE), [cicp(12, 13), ADOBE_PROFILE, SRGB, gamma(1.0)], 0),
        (in_p3(SCENE), [ADOBE_PROFILE, gamma(1.0), cicp(12, 13)], 2),
        (in_adobe_rgb(SCENE), [ADOBE_PROFILE, gamma(1.0), P3], 0),
        (in_adobe_rgb(SCENE), [gamma(1.0), ADOBE_PROFILE], 1),
        (SCENE, [gamma(1.0), P3, SRGB], 2),
        (SCENE, [gamma(0.45455), chunk(b"eXIf", ADOBE_EXIF.tobytes()[6:])], 0),
        (SCENE, [cicp(1, 13), gamma(1.0)], 0),
    ],
)
def test_of_several_the_specification_says_which_counts(tmp_path, coded, chunks, winner):
    assert distance(write_png(tmp_path / "a.png", coded, *chunks)) < 1.6
    del chunks[winner]
    assert distance(write_png(tmp_path / "b.png", coded, *chunks)) > 8


def test_gray_is_converted_as_well(tmp_path):
    gray = SCENE[..., :1]
    for bits in (8, 16):
        path = write_png(tmp_path / "a.png", 255 * light(gray), gamma(1.0), bits=bits, mode="L")
        assert distance(path, np.repeat(gray, 3, axis=-1)) < 2.5
        path = write_png(tmp_path / "b.png", 255 * light(gray), SRGB, gamma(1.0), bits=bits, mode="L")
        assert distance(path, np.repeat(gray, 3, axis=-1)) > 8


def test_a_palette_is_converted_as_well(tmp_path):
    linear = Image.fromarray(np.rint(255 * light(SCENE)).astype(np.uint8)).quantize(8)
    told = PngImagePlugin.PngInfo()
    told.add(b"gAMA", struct.pack(">I", 100_000))
    linear.save(tmp_path / "a.png", pnginfo=told)
    assert distance(tmp_path / "a.png") < 3.5
    linear.save(tmp_path / "b.png")
    assert distance(tmp_path / "b.png") > 8


@pytest.mark.parametrize(("coded", "number"), [(in_pq, 16), (in_hlg, 18)])
def test_high_dynamic_range_has_its_white_at_203(tmp_path, coded, number, caplog):
    with caplog.at_level(logging.INFO):
        found = load_image(write_png(tmp_path / "a.png", in_bt2020(SCENE, coded), cicp(9, number)))
    assert np.abs(found - SCENE).max() < 1
    assert "has high dynamic range" in caplog.text
    twice = load_image(write_png(tmp_path / "b.png", in_bt2020(SCENE, coded, white=406.0), cicp(9, number)))
    assert np.abs(twice - SCENE).max() > 20


@pytest.mark.parametrize(("coded", "number"), [(in_pq, 16), (in_hlg, 18)])
def test_what_is_lighter_than_white_keeps_its_order(tmp_path, coded, number):
    nits = np.array([150.0, 203.0, 300.0, 500.0, 1000.0]).reshape(1, -1, 1) * np.ones(3)
    found = load_image(write_png(tmp_path / "a.png", 255 * coded(nits), cicp(9, number)))
    assert (np.diff(found[0, :, 1]) > 1).all()
    assert found[0, 1].min() > 240
    assert np.ptp(found, axis=-1).max() < 1  # gray stays gray


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.png"])
def test_adobe_rgb_told_by_exif(tmp_path, name):
    picture = Image.fromarray(np.rint(in_adobe_rgb(np.repeat(np.repeat(SCENE, 16, 0), 16, 1))).astype(np.uint8))
    options = {"lossless": True} if name == "a.webp" else {"quality": 100, "subsampling": 0} if name == "a.jpg" else {}
    picture.save(tmp_path / name, exif=ADOBE_EXIF, **options)
    # Green is at the border of Adobe RGB, where a level of red is eight levels of sRGB.
    assert np.abs(load_image(tmp_path / name)[::16, ::16] - SCENE).max() < 6
    for exif in (exif_of(65535), exif_of(1, "R98")):
        picture.save(tmp_path / name, exif=exif, **options)
        assert np.abs(load_image(tmp_path / name)[::16, ::16] - SCENE).max() > 25
    profile = icc.rgb_profile(icc.DISPLAY_P3)
    picture.save(tmp_path / name, exif=ADOBE_EXIF, icc_profile=profile, **options)
    without = np.asarray(load_image(tmp_path / name))
    picture.save(tmp_path / name, icc_profile=profile, **options)
    assert np.array_equal(load_image(tmp_path / name), without)


def test_cameras_that_write_2_mean_adobe_rgb(tmp_path):
    Image.fromarray(np.rint(in_adobe_rgb(SCENE)).astype(np.uint8)).save(tmp_path / "a.tif", exif=exif_of(2))
    assert distance(tmp_path / "a.tif") < 6


def test_adobe_rgb_of_a_16_bit_tiff(tmp_path):
    """Its tags are read by the program itself."""
    Image.fromarray(np.rint(in_adobe_rgb(SCENE)).astype(np.uint8)).save(tmp_path / "a.tif", exif=exif_of(2))
    shallow = load_image(tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    deep = np.rint(257 * in_adobe_rgb(SCENE)).astype("<u2").tobytes()
    entries = struct.unpack_from("<I", data, 4)[0]
    for number in range(struct.unpack_from("<H", data, entries)[0]):
        place = entries + 2 + 12 * number
        tag = struct.unpack_from("<H", data, place)[0]
        if tag == 258:
            struct.pack_into("<3H", data, struct.unpack_from("<I", data, place + 8)[0], 16, 16, 16)
        elif tag in (273, 279):
            struct.pack_into("<I", data, place + 8, len(data) if tag == 273 else len(deep))
    (tmp_path / "b.tif").write_bytes(bytes(data) + deep)
    assert open_picture(tmp_path / "b.tif").colors.dtype == np.uint16
    assert distance(tmp_path / "b.tif") < 1
    assert not np.array_equal(load_image(tmp_path / "b.tif"), shallow)


def nclx(data, primaries, transfer):
    """Change the numbers of an AVIF or HEIC file's colors."""
    place = data.index(b"colrnclx") + 8
    return data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :]


@pytest.mark.parametrize("form", ["avif", "heic"])
@pytest.mark.parametrize(
    ("coded", "numbers"),
    [(in_p3(SCENE), (12, 13)), (in_bt2020(SCENE, in_pq), (9, 16)), (in_bt2020(SCENE, in_hlg), (9, 18))],
)
def test_colors_told_by_nclx_are_converted(tmp_path, form, coded, numbers):
    path = tmp_path / f"a.{form}"
    picture = Image.fromarray(np.rint(np.repeat(np.repeat(coded, 32, 0), 32, 1)).astype(np.uint8))
    if form == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    picture.save(path, quality=100, subsampling="4:4:4", **({"chroma": 444} if form == "heic" else {}))
    stored = load_image(path)[16::32, 16::32]
    path.write_bytes(nclx(path.read_bytes(), *numbers))
    found = load_image(path)[16::32, 16::32]
    # Eight bits of HDR are coarse, and compression moves them by two levels: held against the samples of the file.
    like = write_png(tmp_path / "like.png", stored, cicp(*numbers), bits=8)
    assert np.abs(found - load_image(like)).max() < 1
    assert np.abs(found - SCENE).max(axis=-1).min() < 8
    assert np.abs(found - stored).max() > 20


def test_of_nclx_and_a_profile_the_profile_counts(tmp_path):
    picture = Image.fromarray(np.rint(np.repeat(np.repeat(in_p3(SCENE), 32, 0), 32, 1)).astype(np.uint8))
    picture.save(tmp_path / "a.avif", quality=100, subsampling="4:4:4", icc_profile=icc.rgb_profile(icc.DISPLAY_P3))
    before = load_image(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    if b"colrnclx" in data:
        (tmp_path / "a.avif").write_bytes(nclx(data, 9, 16))
        assert np.array_equal(load_image(tmp_path / "a.avif"), before)
    picture.save(tmp_path / "b.avif", quality=100, subsampling="4:4:4")
    assert np.abs(load_image(tmp_path / "b.avif") - before).max() > 8


def box(name, *contents):
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + name + content


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("wide", [0, 1])
def test_properties_are_those_of_the_picture_not_of_its_preview(tmp_path, version, wide):
    preview, own = (box(b"colr", b"nclx", struct.pack(">HHHB", number, 13, 6, 128)) for number in (9, 12))
    item, link = (">H", ">I")[version], (">B", ">H")[wide]
    essential = 0x80 << 8 * wide
    links = [(1, [1]), (300, [2, 3])]
    entries = b"".join(
        struct.pack(item, number)
        + bytes([len(listed)])
        + b"".join(struct.pack(link, one | essential) for one in listed)
        for number, listed in links
    )
    meta = box(
        b"meta",
        bytes(4),
        box(b"pitm", bytes(4), struct.pack(">H", 300)),
        box(
            b"iprp",
            box(b"ipco", preview, own, box(b"irot", b"\1")),
            box(b"ipma", bytes([version, 0, 0, wide]), struct.pack(">I", len(links)), entries),
        ),
    )
    path = tmp_path / "a"
    path.write_bytes(box(b"ftyp", b"avif", bytes(4)) + meta)
    with path.open("rb") as file:
        found = list(primary_properties(file))
    assert [name for name, _ in found] == [b"colr", b"irot"]
    assert found[0][1] == own[8:] != preview[8:]


@pytest.mark.parametrize(
    "chunks",
    [
        [cicp(99, 13)],
        [cicp(1, 11)],
        [cicp(1, 13, matrix=1)],
        [gamma(0.0)],
        [chromaticity(0.3127, 0.0, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)],
        [chromaticity(0.3127, 0.329, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5)],
    ],
)
def test_what_cannot_be_used_is_said(tmp_path, chunks, caplog):
    with caplog.at_level(logging.WARNING):
        assert distance(write_png(tmp_path / "a.png", SCENE, *chunks)) < 0.01
    assert "a.png cannot be used (" in caplog.text
    assert "taken for sRGB" in caplog.text


def test_a_pillow_picture_keeps_what_its_file_told(tmp_path):
    with Image.open(write_png(tmp_path / "a.png", 255 * light(SCENE), gamma(1.0), bits=8)) as picture:
        assert np.abs(pixels(open_picture(picture)) - SCENE).max() < 3.5
