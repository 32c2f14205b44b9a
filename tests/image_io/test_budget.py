"""Small files that claim huge work or memory: each is refused in a sentence, before it is decoded."""

import io
import resource
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from neurotransfer.image_io.arrays import load_image, open_picture
from neurotransfer.image_io.budget import Budget
from neurotransfer.image_io.jpeg_scans import check_jpeg
from neurotransfer.system.errors import InputError
from tests.image_io import tiff

# --- JPEG


def progressive(size, *, subsampling=2, color=(120, 90, 60)):
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, "JPEG", progressive=True, subsampling=subsampling)
    return data.getvalue()


def scan(component, first=1, last=63, bits=0x10):
    """The header of a scan of one component, without data."""
    return b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, component, 0, first, last, bits)


def claim(data, width, height):
    """A JPEG file that says that it has another size."""
    place = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def test_a_jpeg_of_thousands_of_scans_is_refused(tmp_path):
    data = progressive((4000, 3000))[:-2]
    (tmp_path / "a.jpg").write_bytes(data + scan(1) * 2000 + b"\xff\xd9")
    with pytest.raises(InputError, match=r"a\.jpg cannot be read as a picture: it holds more scans than pictures do"):
        load_image(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(data + scan(1) * 20 + b"\xff\xd9")
    assert open_picture(tmp_path / "b.jpg").size == (4000, 3000)


def test_many_scans_of_few_pixels_are_read(tmp_path):
    (tmp_path / "a.jpg").write_bytes(progressive((64, 48))[:-2] + scan(1) * 2000 + b"\xff\xd9")
    assert load_image(tmp_path / "a.jpg").shape == (48, 64, 3)


@pytest.mark.parametrize(
    "marker, scans", [(0xC2, 10), (0xC0, 1)], ids=["progressive", "baseline"]
)  # the scans of each as Pillow writes them
def test_work_counts_the_blocks_of_each_scan(tmp_path, marker, scans):
    Image.new("RGB", (160, 90)).save(tmp_path / "a.jpg", progressive=marker == 0xC2, subsampling=0)
    assert (tmp_path / "a.jpg").read_bytes().count(b"\xff\xda") == scans
    facts = check_jpeg(tmp_path / "a.jpg", Budget(tmp_path))
    assert facts.blocks == dict.fromkeys((1, 2, 3), 20 * 12)
    # Two scans of all channels; of light four more, of each color two.
    assert facts.visited == (240 * (2 * 3 + 4 + 2 * 2) if scans == 10 else 240 * 3)
    assert facts.several == (scans == 10)
    assert facts.ends
    assert facts.is_complete


def test_a_jpeg_in_a_thumbnail_is_no_scan(tmp_path):
    exif = Image.Exif()
    exif[270] = "\xff\xda" * 50
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg", exif=exif, comment=scan(1) * 20)
    assert check_jpeg(tmp_path / "a.jpg", Budget(tmp_path)).visited == 8 * 6 + 2 * 4 * 3


@pytest.mark.parametrize(
    "subsampling, side, refused", [(0, 14_000, True), (0, 11_000, False), (2, 14_000, False), (1, 14_000, True)]
)
def test_memory_of_progressive_jpeg_counts_its_coefficients(tmp_path, subsampling, side, refused):
    (tmp_path / "a.jpg").write_bytes(claim(progressive((64, 48), subsampling=subsampling), side, side))
    if refused:
        with pytest.raises(InputError, match=r"needs .* GB of memory to be read, more than 1\.4, because it is a prog"):
            open_picture(tmp_path / "a.jpg")
        check_jpeg(tmp_path / "a.jpg", Budget(tmp_path / "a.jpg", 200_000_000))
    else:
        check_jpeg(tmp_path / "a.jpg", Budget(tmp_path / "a.jpg"))


def test_a_baseline_jpeg_keeps_no_coefficients(tmp_path):
    data = io.BytesIO()
    Image.new("RGB", (64, 48)).save(data, "JPEG", subsampling=0)
    (tmp_path / "a.jpg").write_bytes(claim(data.getvalue(), 14_000, 14_000))
    assert not check_jpeg(tmp_path / "a.jpg", Budget(tmp_path / "a.jpg")).several


def test_endless_segments_end(tmp_path):
    (tmp_path / "a.jpg").write_bytes(progressive((64, 48))[:-2] + b"\xff\xfe\0\2" * 200_000 + b"\xff\xd9")
    with pytest.raises(InputError, match="holds far more besides its pixels than pictures do"):
        load_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("strips", [1, 40])
def test_a_tiff_of_jpeg_strips_of_many_scans_is_refused(tmp_path, strips):
    rows = 3000 // strips
    piece = progressive((4000, rows), subsampling=0)[:-2] + scan(1) * 80 + b"\xff\xd9"
    tags = {256: 4000, 257: 3000, 258: 8, 259: 7, 262: 6, 277: 3, 278: rows}
    (tmp_path / "a.tif").write_bytes(tiff.tiff_file(tags, [piece] * strips))
    assert open_picture(tmp_path / "a.tif").size == (4000, 3000)  # of some 18 million blocks
    tags |= {256: 8000, 257: 6000, 278: 2 * rows}
    piece = progressive((8000, 2 * rows), subsampling=0)[:-2] + scan(1) * 80 + b"\xff\xd9"
    (tmp_path / "b.tif").write_bytes(tiff.tiff_file(tags, [piece] * strips))
    with pytest.raises(InputError, match=r"b\.tif cannot be read as a picture: it holds more scans than pictures do"):
        open_picture(tmp_path / "b.tif")


# --- PNG


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(before=b"", after=b""):
    """A PNG file of 8x6 pixels of one color, and other chunks before and after its pixels."""
    header, rows = struct.pack(">IIBBBBB", 8, 6, 8, 2, 0, 0, 0), (b"\0" + bytes((200, 40, 40)) * 8) * 6
    parts = chunk(b"IHDR", header), before, chunk(b"IDAT", zlib.compress(rows)), after, chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def packed(kind, megabytes, content=b"\0"):
    data = zlib.compress(content * (megabytes * 1_000_000 // len(content)))
    return chunk(kind, (b"x\0\1\0en\0title\0" if kind == b"iTXt" else b"x\0\0") + data)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_large_texts_and_profiles_of_png_are_read(tmp_path, kind, where):
    (tmp_path / "a.png").write_bytes(png(**{where: packed(kind, 3)}))
    assert np.array_equal(load_image(tmp_path / "a.png"), np.full((6, 8, 3), (200, 40, 40)))


def test_a_large_profile_of_png_is_used(tmp_path):
    from PIL import ImageCms

    gamma_1 = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    place = gamma_1.index(b"para")  # the curve of sRGB becomes a straight line
    gamma_1[place : place + 12] = b"curv" + bytes(8)
    large = bytes(gamma_1) + bytes(2_000_000)
    large = struct.pack(">I", len(large)) + large[4:]
    (tmp_path / "a.png").write_bytes(png(chunk(b"iCCP", b"x\0\0" + zlib.compress(large))))
    found = load_image(tmp_path / "a.png")[0, 0]
    assert found[1] > 80  # 40 of 255 is bright where light is told in proportion; without the profile it were 40


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
@pytest.mark.parametrize("count, megabytes", [(1, 200), (50, 1)])
@pytest.mark.parametrize("where", ["before", "after"])
def test_bombs_of_png_are_refused(tmp_path, kind, count, megabytes, where):
    (tmp_path / "a.png").write_bytes(png(**{where: packed(kind, megabytes) * count}))
    with pytest.raises(InputError, match=r"texts or color profiles that unpack to more than 32 MB; save it again"):
        load_image(tmp_path / "a.png")


def test_endless_chunks_of_png_are_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(png(chunk(b"juNk", b"") * 800_000))
    with pytest.raises(InputError, match="is cut into more chunks than pictures are"):
        load_image(tmp_path / "a.png")


# --- JPEG 2000


def jpeg2000(size, *, tile=None, block=4, precincts=None, boxes=True):
    """A JPEG 2000 file of black pixels that claims a size, tiles, and exponents of blocks (less 2) and precincts."""
    data = io.BytesIO()
    Image.new("RGB", (64, 48)).save(data, "JPEG2000", no_jp2=True)
    stream = bytearray(data.getvalue())
    tile = tile or size
    stream[8:16], stream[24:32] = struct.pack(">II", *size), struct.pack(">II", *tile)
    place = stream.index(b"\xff\x52")
    stream[place + 10 : place + 12] = bytes([block, block])
    if precincts is not None:
        stream[place + 4] |= 1
        stream[place + 14 : place + 14] = bytes([precincts]) * (stream[place + 9] + 1)
        stream[place + 2 : place + 4] = struct.pack(">H", 12 + stream[place + 9] + 1)
    if not boxes:
        return bytes(stream)
    header = struct.pack(">I4sIIHBBBB", 22, b"ihdr", size[1], size[0], 3, 7, 7, 0, 0)
    header += struct.pack(">I4sBBBI", 15, b"colr", 1, 0, 0, 16)
    start = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x14ftypjp2 \0\0\0\0jp2 "
    return start + struct.pack(">I4s", 8 + len(header), b"jp2h") + header + b"\0\0\0\0jp2c" + stream


@pytest.mark.parametrize("boxes", [True, False])
@pytest.mark.parametrize(
    "claims",
    [
        {"size": (8000, 8000), "block": 0},
        {"size": (3000, 3000), "block": 0, "precincts": 0x11},
        {"size": (3000, 3000), "block": 4, "precincts": 0},
        {"size": (8000, 8000), "tile": (32, 32)},
    ],
    ids=["blocks", "blocks and precincts", "precincts", "tiles"],
)
def test_jpeg_2000_of_tiny_blocks_is_refused(tmp_path, claims, boxes):
    (tmp_path / "a.jp2").write_bytes(jpeg2000(**claims, boxes=boxes))
    with pytest.raises(InputError, match=r"needs .* GB of memory to be read, .* JPEG 2000 file of tiny blocks or til"):
        open_picture(tmp_path / "a.jp2")


@pytest.mark.parametrize("claims", [{}, {"block": 0}, {"tile": (16, 16)}, {"precincts": 0x66}])
def test_jpeg_2000_of_small_blocks_is_read_if_it_is_small(tmp_path, claims):
    options = {"codeblock_size": (4, 4)} if "block" in claims else {}
    options |= {"tile_size": claims["tile"]} if "tile" in claims else {}
    options |= {"precinct_size": (64, 64)} if "precincts" in claims else {}
    Image.new("RGB", (320, 240), (200, 40, 40)).save(tmp_path / "a.jp2", **options)
    assert np.abs(load_image(tmp_path / "a.jp2") - (200, 40, 40)).max() <= 2


# --- all


def test_refusals_take_little_time_and_memory(tmp_path):
    """In a process of its own, whose memory nothing else has raised."""
    (tmp_path / "a.jpg").write_bytes(progressive((4000, 3000))[:-2] + scan(1) * 2000 + b"\xff\xd9")
    (tmp_path / "b.png").write_bytes(png(packed(b"iCCP", 1) * 2000))
    (tmp_path / "c.jp2").write_bytes(jpeg2000((3000, 3000), block=0, precincts=0x11))
    code = (
        "import sys\nfrom pathlib import Path\nfrom neurotransfer.image_io.reading import read_picture\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n        read_picture(Path(name))\n"
        "    except Exception as error:\n        print(type(error).__name__)\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )  # fmt: skip
    assert done.stdout.splitlines() == ["InputError"] * 3, done.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before.ru_utime < 3
