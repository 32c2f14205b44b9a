"""16-bit samples, which Pillow reads only by halves, or not as such.

Colours, 16 bits: uint16 (height, width, 1 or 3), white is 65535. Alpha: mode L, 255 is opaque.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin

from neurotransfer.image_io.guarded_file import load

_MOST_DEEP = 100_000_000
"""Pixels of a 16-bit colour picture; a larger one is read with 8 bits, which take a third of the memory."""

_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_LOW_BYTES = {
    f"{bands};16{order}": f"{bands};16{other}"
    for bands in ("RGB", "RGBA", "RGBX")
    for order, other in _OTHER_ORDER.items()
}
"""Pillow's name for the samples in a file -> the name under which it reads their low bytes.

Pillow takes the high byte of each 16-bit colour sample. Told that the bytes stand in the other order, it takes the low.
"""
_GREY_AND_ALPHA = "LA;16B"
"""Pillow's name for the samples of 16-bit grey and alpha, in PNG files."""
_ASSOCIATED = {"RGBa;16N": "RGBA;16N"}
"""Pillow's name for 16-bit colours that are multiplied by their alpha -> for colours that are not."""
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")

_NATIVE = {"I;16S": "I;16NS", "I;16BS": "I;16NS", "I;32S": "I;32NS", "I;32BS": "I;32NS", "F;32F": "F;32NF"}
_NATIVE["F;32BF"] = _NATIVE["F;32F"]
"""Pillow's name for the samples in a TIFF file -> its name for what libtiff makes of them, in the machine's order."""

_UNKNOWN_TIFFS: dict[Any, tuple[str, str]] = {
    (b"MM", 0, (1,), 1, (16,), ()): ("I;16B", "I;16B"),
    **{
        (order, 1, (1,), 1, (16, 16), extra): ("RGBA", "RGBA")  # that is, the four bytes of a pixel
        for order in (b"II", b"MM")
        for extra in ((1,), (2,))
    },
}
"""TIFF files of 16 bits that Pillow's table lacks: grey whose white is 0 in big-endian order, grey with alpha."""

_PILLOW = threading.RLock()
"""Held by the thread that has changed Pillow's tables: another would take them for Pillow's own, and keep them."""

_WHITE = 65535.0

_STRIP = 256
"""Rows that are worked on at once, where a whole large picture would take memory."""


class Samples(NamedTuple):
    """What a file says of its samples, as far as Pillow's mode does not tell."""

    name: str | None = None
    """Pillow's name for them, if they have one."""
    bits: int = 0
    """Of a TIFF file's, as are the others; 0: nothing is known."""
    kind: str = ""
    """``unsigned``, ``signed`` or ``float``."""
    inverted: bool = False
    """Whether 0 is white, and Pillow leaves it so."""
    planes: bool = False
    """Whether they are 16-bit RGB, or RGB and a fourth, with a plane for each channel."""
    associated: bool = False
    """Whether 16-bit colours are multiplied by their alpha, and Pillow leaves them so."""
    grey_and_alpha: bool = False
    """Whether they are 16-bit grey with alpha, which Pillow takes for four channels of 8 bits."""


@contextmanager
def unusual_tiffs() -> Iterator[None]:
    """Let Pillow open TIFF files that it does not know; only `samples_of` and `deep_colours` can tell what they are.

    TIFF is left to libtiff throughout: of plain files with a plane a channel Pillow itself mistakes 16 bits for 8.
    """
    with _PILLOW:
        unknown = {key: modes for key, modes in _UNKNOWN_TIFFS.items() if key not in TiffImagePlugin.OPEN_INFO}
        reader = TiffImagePlugin.READ_LIBTIFF
        TiffImagePlugin.OPEN_INFO.update(unknown)
        TiffImagePlugin.READ_LIBTIFF = True
        try:
            yield
        finally:
            for key in unknown:
                del TiffImagePlugin.OPEN_INFO[key]
            TiffImagePlugin.READ_LIBTIFF = reader


def samples_of(picture: Image.Image, path: Path | None = None) -> Samples:
    """Return what is known of the samples of a file that Pillow has opened but not loaded; mends how it would load.

    ``path`` is as for `deep_colours`.

    Raises:
        ValueError: nobody can say what they mean.
    """
    tiles = getattr(picture, "tile", ())
    names = {str(tile.args[0] if isinstance(tile.args, tuple) else tile.args) for tile in tiles}
    name = names.pop() if len(names) == 1 else None
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return Samples(name)
    tags = picture.tag_v2
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))[0]
    kind = {2: "signed", 3: "float"}.get(tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))[0], "unsigned")
    if kind == "signed" and bits == 8:
        raise ValueError("its samples are signed numbers of 8 bits, of which nothing says how light they are")
    if name in _NATIVE and picture.tile[0].codec_name == "libtiff":
        _rename(picture, _NATIVE[name])
    inverted = picture.mode in _DEEP_GREY and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0) == 0
    planar = bits == 16 and tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2
    rgb = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 2
    associated = tags.get(TiffImagePlugin.EXTRASAMPLES) == (1,) and bits == 16
    if name in _ASSOCIATED and not planar and path is not None and _is_read_deep(picture):
        name = _ASSOCIATED[name]
        _rename(picture, name)
    grey_and_alpha = tags.get(TiffImagePlugin.BITSPERSAMPLE) == (16, 16)
    if grey_and_alpha and planar:
        raise ValueError("its grey and its alpha lie in planes of their own; save it anew as PNG")
    return Samples(name, bits, kind, inverted, planar and rgb, associated, grey_and_alpha)


def _is_read_deep(picture: Image.Image) -> bool:
    return picture.width * picture.height <= _MOST_DEEP


def deep_colours(
    picture: Image.Image, path: Path | None, samples: Samples
) -> tuple[NDArray[np.uint16], Image.Image | None, str] | None:
    """Return the 16-bit colours of a loaded picture, laid over white, its alpha, and the mode of its profile.

    None: it has 8 bits, or is to be read as if. ``samples`` is what `samples_of` said before it was loaded; colour is
    read again from ``path``.
    """
    key = picture.info.get("transparency")
    if picture.mode in _DEEP_GREY:
        grey = _deep_grey(picture, samples)
        return grey, _without(grey, key), "L"
    if samples.grey_and_alpha:
        return *_deep_grey_and_alpha(picture, sys.byteorder, samples.associated), "L"
    if path is None or not _is_read_deep(picture):
        return None
    if samples.name == _GREY_AND_ALPHA:
        return *_deep_grey_and_alpha(_read_as(path, "RGBA"), "big"), "L"
    if samples.planes:
        planes = _deep_planes(picture, path, samples)
        return None if planes is None else (*planes, "RGB")
    if samples.name in _LOW_BYTES:
        colours, alpha = _deep_colour(picture, path, _LOW_BYTES[samples.name], samples.associated)
        return colours, alpha or _without(colours, key), "RGB"
    return None


def _deep_colour(
    high: Image.Image, path: Path, low_name: str, associated: bool
) -> tuple[NDArray[np.uint16], Image.Image | None]:
    """Join what Pillow has loaded of 16-bit colours with the low bytes, read under ``low_name``."""
    alpha = high.getchannel("A") if high.mode == "RGBA" else None
    colours = np.asarray(high)[..., :3].astype(np.uint16)
    colours <<= 8
    high.close()  # frees its memory
    low = _read_as(path, low_name)
    for channel in range(3):
        colours[..., channel] |= np.asarray(low.getchannel(channel))
    return (colours if alpha is None else _over_white(colours, alpha, associated)), alpha


def _deep_grey_and_alpha(
    four: Image.Image, order: str, associated: bool = False
) -> tuple[NDArray[np.uint16], Image.Image]:
    """Join grey and alpha that Pillow has loaded as four channels, the bytes of a pixel, in ``order``."""
    high, low, opacity = (0, 1, 2) if order == "big" else (1, 0, 3)
    grey = np.empty((four.height, four.width, 1), dtype=np.uint16)
    for top in range(0, four.height, _STRIP):
        strip = np.asarray(four.crop((0, top, four.width, min(top + _STRIP, four.height)))).astype(np.uint16)
        grey[top : top + _STRIP, :, 0] = strip[..., high] << 8 | strip[..., low]
    alpha = four.getchannel(opacity)
    four.close()  # frees its memory
    return _over_white(grey, alpha, associated), alpha


def _deep_planes(
    picture: Image.Image, path: Path, samples: Samples
) -> tuple[NDArray[np.uint16], Image.Image | None] | None:
    """Read 16-bit colours that lie plane by plane: Pillow takes their high bytes, whatever it is told.

    None: they are compressed in a way that needs more than Python has.
    """
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            assert isinstance(page, tifffile.TiffPage)
            orientation = int(page.tags[274].value) if 274 in page.tags else 1
            orientation = orientation if orientation in range(1, 9) else 1
            size = picture.size if orientation < 5 else picture.size[::-1]  # Pillow has turned it
            if page.shape not in ((3, *size[::-1]), (4, *size[::-1])) or page.dtype != np.uint16:
                return None
            planes: NDArray[np.uint16] = page.asarray()
    except Exception:  # strangers' bytes: what Pillow could read is then used
        return None
    colours = _turned(np.moveaxis(planes, 0, -1), orientation)
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    picture.close()  # frees its memory
    colours = colours[..., :3]
    return (colours if alpha is None else _over_white(colours, alpha, samples.associated)), alpha


def _turned(picture: NDArray[np.uint16], orientation: int) -> NDArray[np.uint16]:
    """Return a picture (height, width, channels) as the TIFF tag says it is to be seen, as Pillow does on loading."""
    if orientation >= 5:  # rows are columns
        picture = np.swapaxes(picture, 0, 1)
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    return picture


def _read_as(path: Path, name: str) -> Image.Image:
    """Read a file under another of Pillow's names for its samples."""
    with Image.open(path, formats=("PNG", "TIFF")) as picture:
        assert isinstance(picture, ImageFile.ImageFile)
        _rename(picture, name)
        load(picture)
        return picture


def _rename(picture: ImageFile.ImageFile, name: str) -> None:
    """Have a file's samples loaded under another of Pillow's names."""
    picture.tile = [
        tile._replace(args=(name, *tile.args[1:]) if isinstance(tile.args, tuple) else name) for tile in picture.tile
    ]


def _over_white(colours: NDArray[np.uint16], alpha: Image.Image, associated: bool) -> NDArray[np.uint16]:
    """Lay 16-bit colours, or colours that are multiplied by their alpha, over white, in place."""
    opacity = np.asarray(alpha)
    for top in range(0, len(colours), _STRIP):
        strip = colours[top : top + _STRIP]
        share = opacity[top : top + _STRIP, :, np.newaxis].astype(np.float32) / 255.0
        if associated:
            strip[:] = np.minimum(np.rint(strip + _WHITE * (1.0 - share)), _WHITE)
        else:
            strip[:] = np.rint(_WHITE - (_WHITE - strip) * share)
    return colours


def _without(colours: NDArray[np.uint16], key: Any) -> Image.Image | None:
    """Return the alpha of 16-bit colours of which one, ``key``, means transparent, and make it white, in place."""
    if not isinstance(key, int | tuple):
        return None
    alpha = np.full(colours.shape[:2], 255, dtype=np.uint8)
    for top in range(0, len(colours), _STRIP):
        strip = colours[top : top + _STRIP]
        clear = (strip == key).all(axis=-1)
        strip[clear] = _WHITE
        alpha[top : top + _STRIP][clear] = 0
    return Image.fromarray(alpha)


def _deep_grey(picture: Image.Image, samples: Samples) -> NDArray[np.uint16]:
    """Return a picture in one of Pillow's deep grey modes, (height, width, 1), white being 65535."""
    picture.load()
    white = _white_of(picture, samples)
    grey = np.empty((picture.height, picture.width, 1), dtype=np.uint16)
    for top, values in _strips(picture, samples):
        shares = np.nan_to_num(values) * (_WHITE / white)
        grey[top : top + _STRIP, :, 0] = np.clip(np.rint(_WHITE - shares if samples.inverted else shares), 0, _WHITE)
    return grey


def _strips(picture: Image.Image, samples: Samples) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the number of its first row, and the values, of each strip of a deep grey picture."""
    for top in range(0, picture.height, _STRIP):
        strip = np.asarray(picture.crop((0, top, picture.width, min(top + _STRIP, picture.height))))
        if samples.bits == 32 and samples.kind == "unsigned":
            strip = strip.view(np.uint32)  # Pillow takes them for signed ones
        yield top, strip.astype(np.float32)


def _white_of(picture: Image.Image, samples: Samples) -> float:
    """Return which value is white: what the depth says, unless it is so great that only the largest value can tell."""
    if picture.mode not in ("I", "F"):
        return 4095.0 if samples.bits == 12 else _WHITE
    least = largest = 0.0
    for _, values in _strips(picture, samples):
        finite = values[np.isfinite(values)]
        least, largest = min(least, float(finite.min(initial=0.0))), max(largest, float(finite.max(initial=0.0)))
    whites = [1.0, 255.0, _WHITE]
    if picture.mode == "I":
        if least < 0:
            raise ValueError(f"its grey goes from {least:g} to {largest:g}, and nothing says which value is black")
        # What the type holds is white, unless smaller numbers were only kept in a wide type.
        full = 2.0 ** ((samples.bits or 32) - (samples.kind != "unsigned")) - 1
        whites = [white for white in (255.0, _WHITE) if white < full] + [full]
    # Sharpening and resampling overshoot: what is a little above white is no sign of a greater depth.
    white = next((white for white in whites if largest <= 2 * white), None)
    if white is None or (white > _WHITE and largest < white / 256):
        raise ValueError(f"its grey reaches to {largest:g}, and nothing says which value is white")
    return white
