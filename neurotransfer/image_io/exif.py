"""The EXIF that a result keeps of its photo: date, artist, copyright and camera; the place only if asked."""

from collections.abc import Iterable, Mapping
from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base

_IMAGE = (Base.Make, Base.Model, Base.DateTime, Base.Artist, Base.Copyright)
_PHOTO = (
    Base.DateTimeOriginal, Base.DateTimeDigitized, Base.OffsetTime, Base.OffsetTimeOriginal, Base.OffsetTimeDigitized,
    Base.SubsecTime, Base.SubsecTimeOriginal, Base.SubsecTimeDigitized,
)  # fmt: skip

_MAX_TEXT = 2000
"""Characters of a text; longer ones are left out."""

_MAX_GPS = 10_000
"""Bytes of the GPS data; more are left out."""


def filter_exif(exif: Image.Exif | None, *, keep_gps: bool = False) -> Image.Exif:
    """Return a copy of a photo's EXIF with its date, artist, copyright and camera, and its place if ``keep_gps``.

    The orientation is left out, because results are upright. Damaged values are left out, too.
    """
    kept = Image.Exif()
    if exif is None:
        return kept
    kept.update(_texts(exif, _IMAGE))
    if photo := _texts(_directory(exif, IFD.Exif), _PHOTO):
        kept[IFD.Exif] = photo
    if keep_gps and (place := _directory(exif, IFD.GPSInfo)) and _can_be_written(place):
        kept[IFD.GPSInfo] = place
    return kept


def tiff_tags(exif: Image.Exif) -> dict[int, str]:
    """Return the kept texts that belong into the main directory of a TIFF file, by tag number.

    The tag DateTime becomes the time at which the photo was taken, if that is known.
    """
    taken = _texts(_directory(exif, IFD.Exif), (Base.DateTimeOriginal,))
    return _texts(exif, _IMAGE) | {int(Base.DateTime): date for date in taken.values()}


def _directory(exif: Image.Exif, which: IFD) -> dict[int, Any]:
    try:
        found = exif.get(which)
        return dict(found if isinstance(found, dict) else exif.get_ifd(which))
    except Exception:  # untrusted input: Pillow's parser may raise anything
        return {}


def _texts(directory: Mapping[int, Any], tags: Iterable[Base]) -> dict[int, str]:
    found = {int(tag): _text(directory, tag) for tag in tags}
    return {tag: text for tag, text in found.items() if text}


def _text(directory: Mapping[int, Any], tag: Base) -> str:
    try:
        value = directory.get(tag)
    except Exception:  # untrusted input: Pillow parses a value when it is asked for
        return ""
    return _as_utf8(value).strip("\0 ") if isinstance(value, str) and len(value) <= _MAX_TEXT else ""


def _as_utf8(text: str) -> str:
    """Decode a text as UTF-8, which cameras and editors write; Pillow has decoded it as Latin-1."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def as_bytes(exif: Image.Exif) -> bytes:
    """Return EXIF as the bytes of a file, with texts in UTF-8; Pillow itself would write "?" for all but ASCII."""
    written = Image.Exif()
    written.load(exif.tobytes())
    written.update({tag: value.encode() for tag, value in exif.items() if isinstance(value, str)})
    return written.tobytes()


def _can_be_written(place: dict[int, Any]) -> bool:
    trial = Image.Exif()
    trial[IFD.GPSInfo] = place
    try:
        return len(trial.tobytes()) <= _MAX_GPS
    except Exception:  # Pillow cannot write all that it reads
        return False
