"""What a result keeps of its photo's EXIF: when, by whom, with which camera; where only if asked. Nothing else."""

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
"""Characters of a text that is carried over."""

_MAX_GPS = 10_000
"""Bytes of GPS data that are carried over."""


def filter_exif(exif: Image.Exif | None, *, keep_gps: bool = False) -> Image.Exif:
    """Return date, copyright, artist and camera of a photo's EXIF, and its place if ``keep_gps``.

    The orientation is never among them: results are upright. What is damaged is left out.
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
    """Return the carried texts that have a place in a TIFF's main directory, by tag number; the date is the photo's."""
    taken = _texts(_directory(exif, IFD.Exif), (Base.DateTimeOriginal,))
    return _texts(exif, _IMAGE) | {int(Base.DateTime): date for date in taken.values()}


def _directory(exif: Image.Exif, which: IFD) -> dict[int, Any]:
    try:
        found = exif.get(which)
        return dict(found if isinstance(found, dict) else exif.get_ifd(which))
    except Exception:  # strangers' bytes: Pillow's parser raises what it happens to meet
        return {}


def _texts(directory: Mapping[int, Any], tags: Iterable[Base]) -> dict[int, str]:
    found = {int(tag): _text(directory, tag) for tag in tags}
    return {tag: text for tag, text in found.items() if text}


def _text(directory: Mapping[int, Any], tag: Base) -> str:
    try:
        value = directory.get(tag)
    except Exception:  # likewise: values are parsed when they are asked for
        return ""
    return _as_utf8(value).strip("\0 ") if isinstance(value, str) and len(value) <= _MAX_TEXT else ""


def _as_utf8(text: str) -> str:
    """Undo Pillow's reading, for which every byte is a letter of Latin-1: cameras and editors write UTF-8."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def as_bytes(exif: Image.Exif) -> bytes:
    """Return EXIF as a file holds it, its texts in UTF-8: Pillow itself writes ASCII and question marks."""
    written = Image.Exif()
    written.load(exif.tobytes())
    written.update({tag: value.encode() for tag, value in exif.items() if isinstance(value, str)})
    return written.tobytes()


def _can_be_written(place: dict[int, Any]) -> bool:
    trial = Image.Exif()
    trial[IFD.GPSInfo] = place
    try:
        return len(trial.tobytes()) <= _MAX_GPS
    except Exception:  # likewise, in the other direction
        return False
