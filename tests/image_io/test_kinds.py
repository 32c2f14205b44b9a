"""Files of other kinds under a picture's name: each is named, with what to do."""

import re

import numpy as np
import pytest
import tifffile
from PIL import Image

from neurotransfer.image_io.arrays import load_image, open_picture
from neurotransfer.image_io.kinds import FORMATS, find_formats
from neurotransfer.system.errors import InputError

HTML = b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body>no</body></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="96" height="64"/>'
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
MP4 = b"\0\0\0\x18ftypisom\0\0\2\0isommp42"

OTHER_KINDS = [
    ("a.cr2", b"II*\0\x10\0\0\0CR\2\0", "a raw photo (Canon CR2)", "develop it first"),
    ("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a raw photo (Canon CR3)", "develop it first"),
    ("a.raf", b"FUJIFILMCCD-RAW 0201FF383501X-T3", "a raw photo (Fujifilm RAF)", "develop it first"),
    ("a.orf", b"IIRO\x08\0\0\0", "a raw photo (Olympus ORF)", "develop it first"),
    ("a.rw2", b"IIU\0\x18\0\0\0", "a raw photo (Panasonic RW2)", "develop it first"),
    ("a.x3f", b"FOVb\0\0\2\0", "a raw photo (Sigma X3F)", "develop it first"),
    ("a.psd", b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\x40\0\0", "a Photoshop document", "export it as PNG"),
    ("a.psb", b"8BPS\0\2", "a Photoshop document", "export it as PNG"),
    ("a.xcf", b"gimp xcf v011\0", "a GIMP document", "export it as PNG"),
    ("a.kra", b"PK\3\4" + bytes(26) + b"mimetypeapplication/x-krita", "a document of layers", "export it as PNG"),
    ("a.svg", SVG, "an SVG drawing", "draw it as pixels"),
    ("b.svg", b"\xef\xbb\xbf\n<!-- drawn <by> hand -->\n<svg:svg>", "an SVG drawing", "draw it as pixels"),
    ("a.png", b"<svg width='5'/>", "an SVG drawing", "draw it as pixels"),
    ("a.pdf", b"%PDF-1.7\n", "a PDF document", "pdftoppm"),
    ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0", "a PostScript (EPS) drawing", "draw it as pixels"),
    ("a.djvu", b"AT&TFORM\0\0\1\0DJVU", "a DjVu document", "ddjvu"),
    ("a.jxl", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ", "a JPEG XL picture", "djxl"),
    ("b.jxl", b"\xff\x0a\xfa\x1f\x41\x91", "a JPEG XL picture", "djxl"),
    ("a.ico", b"\0\0\1\0\1\0\x20\x20", "an icon or cursor", "convert it to PNG"),
    ("a.icns", b"icns\0\0\1\0", "an icon or cursor", "convert it to PNG"),
    ("a.tga", b"\0\0\2" + bytes(9) + b"\x60\0\x40\0\x18\x20", "perhaps a Targa picture", "convert it to PNG"),
    ("a.qoi", b"qoif\0\0\0\x60", "a QOI picture", "convert it to PNG"),
    ("a.exr", b"v/1\1\2\0\0\0", "an OpenEXR picture", "map its tones"),
    ("a.hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "a Radiance (HDR) picture", "map its tones"),
    ("a.fits", b"SIMPLE  =                    T", "a picture of science (FITS)", "map its tones"),
    ("a.dcm", bytes(128) + b"DICM", "a medical picture (DICOM)", "map its tones"),
    ("a.mp4", MP4, "a film (MP4 or QuickTime)", "ffmpeg"),
    ("a.mov", b"\0\0\0\x08wide\0\0\1\0mdat", "a film", "ffmpeg"),
    ("a.webm", b"\x1aE\xdf\xa3\x9f", "a film", "ffmpeg"),
    ("a.avi", b"RIFF\0\1\0\0AVI LIST", "a film", "ffmpeg"),
    ("a.ts", (b"G" + bytes(187)) * 3, "a film", "ffmpeg"),
    ("lfs.jpg", LFS, "a Git LFS pointer", "git lfs pull"),
    ("annex.jpg", b"/annex/objects/SHA256E-s12--ab.jpg\n", "a git-annex pointer", "git annex get"),
    ("._a.jpg", b"\0\5\x16\7\0\2\0\0Mac OS X", "what macOS keeps beside a file (AppleDouble)", 'lacks the "._"'),
    ("page.jpg", HTML, "a web page", "open its address"),
    ("b.jpg", b"\n <HTML lang=en>", "a web page", "open its address"),
    ("c.jpg", b'<?xml version="1.0"?><html><svg/></html>', "a web page", "open its address"),
    ("denied.jpg", b'<?xml version="1.0"?><Error><Code>AccessDenied', "a text of a server", "download it again"),
    ("error.png", b'{"error": "not found"}', "a text of a server", "download it again"),
    ("text.jpg", b"data:image/jpeg;base64,/9j/4AAQ", "a picture written as text (Base64)", "base64 -d"),
    ("a.zip", b"PK\3\4\x14\0", "an archive", "unpack it"),
    ("a.tar", b"a.png".ljust(257, b"\0") + b"ustar", "an archive", "unpack it"),
    ("a.lnk", b"L\0\0\0\1\x14\2\0", "a link to a file", "find the picture itself"),
    ("zeros.jpg", bytes(5000), "a file of zeros", "copy or download it again"),
]  # fmt: skip


@pytest.mark.parametrize("name, begin, kind, advice", OTHER_KINDS, ids=[row[0] for row in OTHER_KINDS])
def test_another_kind_of_file_is_named_with_what_to_do(tmp_path, name, begin, kind, advice):
    (tmp_path / name).write_bytes(begin + bytes(200))
    with pytest.raises(InputError) as found:
        load_image(tmp_path / name)
    sentence = str(found.value).removeprefix(f"{tmp_path}/")
    assert sentence.startswith(f"{name} is {kind}")
    assert re.search(r"which cannot be read as a picture; .*\.$", sentence)
    assert advice in sentence
    assert len(sentence) < 250


def test_what_is_no_known_kind_is_told_what_is_read(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"Free as in the free lunch, says PK.")
    with pytest.raises(InputError, match=r"expected JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP, JPEG 2000 or PNM\."):
        load_image(tmp_path / "a.jpg")


def test_no_byte_of_a_picture_makes_another_kind_of_it(tmp_path):
    """Beyond their signatures, pictures may hold anything: what all kinds look for is put into each."""
    signatures = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP", b"II*\0\x08\0\0\0"]
    for signature in signatures:
        for letter in b"\0GI<":
            assert find_formats(tmp_path, (signature + b" ").ljust(4096, bytes([letter]))), signature
    assert len(find_formats(tmp_path, b"\xff\xd8\xff")) >= len(FORMATS) - 1


def camera(path, *, flags=(1, 0), first=(120, 160), second=(480, 640), meaning="cfa", pages=False, **options):
    """A TIFF file of a camera's kind: a picture, and another one as its part, or as its next page."""
    with tifffile.TiffWriter(path, **options) as writer:
        tags = [(271, 2, None, "NIKON CORPORATION", True)]
        values = np.full((*first, 3), (200, 40, 40), np.uint8)
        writer.write(values, photometric="rgb", subifds=0 if pages else 1, subfiletype=flags[0], extratags=tags)
        values = np.full(second if meaning == "cfa" else (*second, 3), 77, np.uint16 if meaning == "cfa" else np.uint8)
        writer.write(values, photometric=meaning, subfiletype=flags[1])


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"bigtiff": True}, {"pages": True}, {"flags": (0, 0)}])
def test_raw_photos_inside_a_tiff_are_not_painted_as_their_preview(tmp_path, options):
    camera(tmp_path / "raw.nef", **options)
    with pytest.raises(InputError, match=r"raw\.nef is a raw photo inside a TIFF file .*; develop it first"):
        load_image(tmp_path / "raw.nef")


@pytest.mark.parametrize("meaning", ["rgb", "linear_raw"])
def test_raw_photos_with_a_single_page_are_told_by_their_tags(tmp_path, meaning):
    tags = [] if meaning == "linear_raw" else [(50706, 1, 4, bytes([1, 4, 0, 0]), True)]
    tifffile.imwrite(tmp_path / "a.dng", np.zeros((8, 9, 3), np.uint8), photometric=meaning, extratags=tags)
    with pytest.raises(InputError, match="is a raw photo inside a TIFF file"):
        load_image(tmp_path / "a.dng")


@pytest.mark.parametrize("options", [{}, {"pages": True}, {"flags": (0, 0)}, {"byteorder": ">"}])
def test_a_preview_of_a_larger_picture_is_not_painted(tmp_path, options):
    camera(tmp_path / "a.tif", meaning="rgb", **options)
    with pytest.raises(InputError, match=r"begins with a preview \(160x120\) of its picture \(640x480\), which"):
        load_image(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "options",
    [
        {"flags": (0, 1), "first": (480, 640), "second": (120, 160)},  # smaller copies beside the picture
        {"flags": (0, 1), "first": (480, 640), "second": (120, 160), "pages": True},
        {"flags": (1, 0), "first": (480, 640), "second": (480, 640)},  # a copy that is not smaller
        {"flags": (2, 2), "first": (480, 640), "second": (960, 640), "pages": True},  # pages of a letter
    ],
)
def test_a_first_page_that_is_the_picture_is_painted(tmp_path, options):
    camera(tmp_path / "a.tif", meaning="rgb", **options)
    found = load_image(tmp_path / "a.tif")
    assert found.shape == (480, 640, 3)
    assert np.array_equal(found[0, 0], (200, 40, 40))


def test_pages_in_a_circle_end(tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    place = int.from_bytes(data[4:8], "little")
    last = place + 2 + 12 * int.from_bytes(data[place : place + 2], "little")
    data[last : last + 4] = data[4:8]
    (tmp_path / "a.tif").write_bytes(data)
    assert open_picture(tmp_path / "a.tif").size == (8, 8)
