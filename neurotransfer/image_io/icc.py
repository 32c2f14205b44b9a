"""Colour profiles: the colours that a file means -> sRGB, the colours that the program paints in."""

import io
import struct
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
"""Pillow's mode -> the colour space that a profile for it names."""

_NODES = np.unique(np.rint(np.linspace(0.0, 255.0**0.5, 86) ** 2)).astype(np.uint8)
"""Of a table for deep pictures, along each channel: every level near black, where a linear profile is steepest, then
ever fewer. Every value of a finer table would carry its rounding to 8 bits."""

_TOLERANCE = 1
"""Of 255: a profile that moves no colour further is sRGB under another name."""


_DATE = slice(24, 36)
"""Bytes of a profile's header that say when it was made (ICC.1:2022, 7.2)."""


def srgb_profile() -> bytes:
    """Return the profile that every result embeds, always the same bytes: equal pictures make equal files."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[_DATE] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(made)


class ToSrgb:
    """The way from one profile's colours, of pictures in one of Pillow's modes L, RGB, CMYK and LAB, to sRGB.

    Relative colorimetric with black point compensation: what is inside sRGB stays as it is, black stays black.
    """

    def __init__(self, profile: ImageCms.ImageCmsProfile, mode: str) -> None:
        space = profile.profile.xcolor_space.strip()
        if space != _SPACES[mode]:
            raise ValueError(f"it is for {space} pictures, this one is {_SPACES[mode]}")
        self._mode = mode
        self._transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            # Of grey, LittleCMS would tabulate every eighth level, too few near black.
            ImageCms.Flags.BLACKPOINTCOMPENSATION | (ImageCms.Flags.NOOPTIMIZE if mode == "L" else 0),
        )

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Return an 8-bit picture of the profile's mode in sRGB."""
        converted = ImageCms.applyTransform(picture, self._transform)
        assert converted is not None  # it is only where a picture is changed in place
        return converted

    def convert_float(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (height, width, 1 or 3) in 0..255 as float32 (height, width, 3) in 0..255, in sRGB.

        LittleCMS is asked for 8 bits at the nodes of a coarse table only; between them it is interpolated, so that
        no steps of 8 bits appear in a deep picture.
        """
        from scipy.ndimage import map_coordinates

        places = np.interp(np.moveaxis(image, -1, 0), _NODES, np.arange(len(_NODES))).astype(np.float32)
        channels = [map_coordinates(values, places, order=1, mode="nearest") for values in self._table]
        return np.stack(channels, axis=-1)

    @cached_property
    def _table(self) -> NDArray[np.float32]:
        """The values at the nodes, (3, nodes, ...) with an axis for each channel of the source."""
        axes = 1 if self._mode == "L" else 3
        converted = np.asarray(self(_grid(self._mode, _NODES)), dtype=np.float32)
        return np.moveaxis(converted.reshape(*(len(_NODES),) * axes, 3), -1, 0).copy()

    @property
    def is_srgb(self) -> bool:
        """Whether the profile's colours are sRGB's."""
        if self._mode not in ("L", "RGB"):
            return False
        grid = _grid(self._mode, np.arange(0, 256, 15, dtype=np.uint8))
        difference = np.asarray(self(grid), dtype=np.int16) - np.asarray(grid.convert("RGB"), dtype=np.int16)
        return bool(np.abs(difference).max() <= _TOLERANCE)


def _grid(mode: str, values: NDArray[np.uint8]) -> Image.Image:
    """Return a picture one row high with every combination of ``values`` of each channel."""
    if mode == "L":
        return Image.fromarray(values[np.newaxis])
    return Image.fromarray(np.stack(np.meshgrid(values, values, values, indexing="ij"), axis=-1).reshape(1, -1, 3))


def to_srgb(profile: bytes | None, mode: str) -> ToSrgb | None:
    """Return how to convert pictures of Pillow's ``mode`` (L, RGB, CMYK, LAB) with an embedded profile; None: as it is.

    Raises:
        ValueError: the profile is broken, or one for other pictures.
    """
    try:
        if mode == "LAB":
            return ToSrgb(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), mode)
        if not profile:
            return None
        way = ToSrgb(ImageCms.ImageCmsProfile(io.BytesIO(profile)), mode)
        return None if way.is_srgb else way
    except (OSError, TypeError, ImageCms.PyCMSError) as error:
        raise ValueError(str(error) or "it is broken") from error
