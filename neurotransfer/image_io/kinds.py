"""What kind of file one is, by its first bytes: which decoders may read it, or what it is instead and what to do."""

import re
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from neurotransfer.system.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "GIF", "BMP", "JPEG2000")
"""Pillow's names of formats that are read. Its others are not for photos, start other programs, or have no signature.

PNM is read by `neurotransfer.image_io.pnm`.
"""

BEGIN = 4096
"""Bytes at the start of a file that its kind is told from: drawings and web pages may begin with remarks."""

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"RIFF": "WebP",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
}
"""First bytes of formats that are read -> their names."""

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}

DEVELOP = "develop it first, with darktable, RawTherapee or the program of the camera, and save it as JPEG or TIFF"
_EXPORT = "export it as PNG or TIFF from a program that opens it, such as GIMP"
_CONVERT = "convert it to PNG, with GIMP or ImageMagick"
_DRAW = "draw it as pixels: export it as PNG, with Inkscape or GIMP"
_MAP_TONES = "map its tones to what a screen can show, and save it as 16-bit TIFF or PNG"
_ONE_FRAME = "save one frame of it as PNG: ffmpeg -i FILE -frames:v 1 frame.png"
_UNPACK = "unpack it, and name the picture in it"
_ORIGINAL = "find the picture itself, and copy or download it again"


class _Kind(NamedTuple):
    begin: bytes
    """A pattern that the first bytes match."""
    name: str
    advice: str


_KINDS = tuple(
    _Kind(*row)
    for row in (
        # Raw photos. Those that are plain TIFF files inside are found by their tags: `tiff_pages.check_first_page`.
        (rb"(II\*\0|MM\0\*).{4}CR", "a raw photo (Canon CR2)", DEVELOP),
        (rb"....ftypcrx ", "a raw photo (Canon CR3)", DEVELOP),
        (rb"II\x1a\0\0\0HEAPCCDR", "a raw photo (Canon CRW)", DEVELOP),
        (rb"FUJIFILMCCD-RAW", "a raw photo (Fujifilm RAF)", DEVELOP),
        (rb"IIR[OS]|MMOR", "a raw photo (Olympus ORF)", DEVELOP),
        (rb"IIU\0", "a raw photo (Panasonic RW2)", DEVELOP),
        (rb"\0MRM", "a raw photo (Minolta MRW)", DEVELOP),
        (rb"FOVb", "a raw photo (Sigma X3F)", DEVELOP),
        (rb"(II\*\0|MM\0\*).{4}(IIII|MMMM)", "a raw photo (Phase One)", DEVELOP),
        # Documents of drawing programs.
        (rb"8BPS", "a Photoshop document", _EXPORT),
        (rb"gimp xcf", "a GIMP document", _EXPORT),
        (rb"PK\x03\x04.{26}mimetype(application/x-krita|image/openraster)", "a document of layers", _EXPORT),
        (rb"Paint Shop Pro Image File", "a PaintShop Pro document", _EXPORT),
        (rb"CSFCHUNK", "a Clip Studio document", _EXPORT),
        (rb"\0\xffKA", "an Affinity document", _EXPORT),
        # Drawings without pixels; web pages may hold some.
        (
            rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?<(?i:!doctype html|html|head|body|title|script)\b",
            "a web page",
            "open its address in a browser, and save the picture from there",
        ),
        (rb"(\xef\xbb\xbf)?\s*<((\?xml|!--|!DOCTYPE svg).*?<)?(svg:)?svg\b", "an SVG drawing", _DRAW),
        (rb"%PDF", "a PDF document", "save its page as PNG: pdftoppm -png -r 300 FILE page"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript (EPS) drawing", _DRAW),
        (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "a Windows metafile", _DRAW),
        (rb"AT&TFORM", "a DjVu document", "save its page as TIFF: ddjvu -format=tiff -page=1 FILE page.tif"),
        # Pictures of formats that are not read.
        (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL picture", "convert it to PNG: djxl FILE picture.png"),
        (rb"II\xbc", "a JPEG XR picture", _CONVERT),
        (rb"\xff\xd8\xff\xf7", "a JPEG-LS picture", _CONVERT),
        (rb"BPG\xfb", "a BPG picture", _CONVERT),
        (rb"FLIF", "a FLIF picture", _CONVERT),
        (rb"qoif", "a QOI picture", _CONVERT),
        (rb"\x8a[MJ]NG", "an MNG or JNG picture", _CONVERT),
        (rb"icns|\0\0[\x01\x02]\0[^\0]", "an icon or cursor", _CONVERT),
        (rb"DDS |\xabKTX", "a texture of a game", _CONVERT),
        (rb"\x0a[\0-\x05][\0\x01][\x01\x02\x04\x08]", "a PCX picture", _CONVERT),
        (rb"\x01\xda[\0\x01][\x01\x02]", "an SGI picture", _CONVERT),
        (rb"\x59\xa6\x6a\x95", "a Sun raster picture", _CONVERT),
        (rb"P7\s", "a PAM picture", _CONVERT),
        (rb"/\* XPM \*/|#define \S+_width", "an X bitmap", _CONVERT),
        (rb"\0[\0\x01][\x01-\x03\x09-\x0b].{13}[\x08\x0f\x10\x18\x20][\0-\x3f]", "perhaps a Targa picture", _CONVERT),
        # Pictures that hold more than a screen can show.
        (rb"v/1\x01", "an OpenEXR picture", _MAP_TONES),
        (rb"#\?(RADIANCE|RGBE)", "a Radiance (HDR) picture", _MAP_TONES),
        (rb"P[Ff]\s", "a PFM picture in floating point", _MAP_TONES),
        (rb"SDPX|XPDS|\x80\x2a\x5f\xd7", "a scan of film (DPX or Cineon)", _MAP_TONES),
        (rb"SIMPLE  =", "a picture of science (FITS)", _MAP_TONES),
        (rb".{128}DICM", "a medical picture (DICOM)", _MAP_TONES),
        (rb"\x89HDF|\x93NUMPY", "an array of numbers", _MAP_TONES),
        # Films and sound.
        (rb"\x1aE\xdf\xa3|RIFF....AVI |\0\0\x01[\xb3\xba]|FLV|OggS|0&\xb2u\x8ef\xcf", "a film", _ONE_FRAME),
        (rb"G(?!IF8).{187}G.{187}G|\0...(moov|mdat|wide|free|skip|pnot)", "a film", _ONE_FRAME),
        (rb"ID3|fLaC|RIFF....WAVE", "a piece of sound", _ORIGINAL),
        # What stands in the place of a picture.
        (rb"version https://git-lfs\.github\.com/", "a Git LFS pointer", "fetch it: git lfs pull"),
        (rb"/annex/objects/", "a git-annex pointer", "fetch it: git annex get FILE"),
        (
            rb"\0\x05\x16\x07",
            "what macOS keeps beside a file (AppleDouble)",
            'take the file whose name lacks the "._" at its beginning',
        ),
        (rb"(\xef\xbb\xbf)?\s*(<\?xml|<Error>|[\[{]\s*[\"{])", "a text of a server or program (XML, JSON)", _ORIGINAL),
        (rb"data:image/|/9j/|iVBORw0KGgo", "a picture written as text (Base64)", "decode it: base64 -d FILE > picture"),
        (rb"L\0\0\0\x01\x14\x02\0|book\0\0\0\0mark|\[InternetShortcut\]|bplist00", "a link to a file", _ORIGINAL),
        # Others.
        (rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|.{257}ustar", "an archive", _UNPACK),
        (rb"\xd0\xcf\x11\xe0", "an Office document or a Windows database", "save the picture in it as a file"),
        (rb"\x7fELF|MZ|#!|\xca\xfe\xba\xbe|[\xce\xcf]\xfa\xed\xfe", "a program", _ORIGINAL),
        (rb"\0{64}", "a file of zeros, as after an interrupted copy", _ORIGINAL),
    )
)  # fmt: skip


def find_formats(path: Path, begin: bytes) -> list[str]:
    """Return those of `FORMATS` that are installed and may be the file's, by its first bytes ``begin``.

    AVIF, HEIC and films share a signature. A list of brands tells them apart; its first may be common to them.

    Raises:
        InputError: it is a file of another kind, or a HEIC file, and the plug-in is not installed.
    """
    for kind in _KINDS:
        if re.match(kind.begin, begin, re.DOTALL):
            raise refusal(path, kind.name, kind.advice)
    Image.init()
    other = ""
    if begin[4:8] == b"ftyp":
        brands = {begin[at : at + 4] for at in range(8, min(int.from_bytes(begin[:4]), len(begin)), 4) if at != 12}
        if brands & _AVIF_BRANDS:
            other = "HEIF"
        elif brands & _HEIF_BRANDS:
            other = "AVIF"
            _need_heif(path)
        else:
            raise refusal(path, "a film (MP4 or QuickTime)", _ONE_FRAME)
    return [name for name in FORMATS if name in Image.OPEN and name != other]


def known_format(begin: bytes) -> str | None:
    """Return the name of a format that is read, if a file begins like one."""
    return next((name for signature, name in _SIGNATURES.items() if begin.startswith(signature)), None)


def refusal(path: Path, name: str, advice: str) -> InputError:
    """Return the error for a file that is another thing than a picture: its ``name``, and what to do."""
    return InputError(f"{path} is {name}, which cannot be read as a picture; {advice}.")


def _need_heif(path: Path) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise InputError(
            f'{path} is a HEIC picture, which needs a plug-in: pip install "neurotransfer[heif]".'
        ) from None
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
