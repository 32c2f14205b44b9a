"""ICC profiles: converts the colors of a file to sRGB, in which the program works."""

import io
import struct
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
"""Pillow's mode -> the color space that its profile must name."""

_NODES = np.unique(np.rint(np.linspace(0.0, 255.0**0.5, 86) ** 2)).astype(np.uint8)
"""Levels of the table for 16-bit pictures, along each channel.

Near black, where the curve of a linear profile is steepest, each level is a node; towards white they are fewer. A finer
table would be worse: each of its values is rounded to 8 bits.
"""

_TOLERANCE = 1
"""Levels of 255: a profile that moves no color further than this is taken for sRGB."""


_DATE = slice(24, 36)
"""Bytes of a profile's header that hold its date of creation (ICC.1:2022, 7.2)."""


def srgb_profile() -> bytes:
    """Return the sRGB profile that every result embeds.

    Its date is fixed, so that equal pictures make equal files.
    """
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[_DATE] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(made)


class ToSrgb:
    """The conversion to sRGB from a profile, for pictures of Pillow's mode L, RGB, CMYK or LAB.

    The intent is relative colorimetric with black point compensation: colors inside sRGB are exact, black stays black.

    Raises:
        ValueError: the profile is for another color space.
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
            # For gray, LittleCMS would use a table of every eighth level, which is too coarse near black.
            ImageCms.Flags.BLACKPOINTCOMPENSATION | (ImageCms.Flags.NOOPTIMIZE if mode == "L" else 0),
        )

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Return an 8-bit picture of the profile's mode as RGB, in sRGB."""
        converted = ImageCms.applyTransform(picture, self._transform)
        assert converted is not None  # None would mean that a picture was changed in place
        return converted

    def convert_float(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert float32 (height, width, 1 or 3) in 0..255 to float32 (height, width, 3) in 0..255, in sRGB.

        LittleCMS converts only the nodes of a coarse table, with 8 bits. Values between nodes are interpolated, so
        that a 16-bit picture shows no steps of 8 bits.
        """
        from scipy.ndimage import map_coordinates

        places = np.interp(np.moveaxis(image, -1, 0), _NODES, np.arange(len(_NODES))).astype(np.float32)
        channels = [map_coordinates(values, places, order=1, mode="nearest") for values in self._table]
        return np.stack(channels, axis=-1)

    @cached_property
    def _table(self) -> NDArray[np.float32]:
        """The colors in sRGB at the nodes, (3, nodes, ...), with one axis of nodes for each channel of the source."""
        axes = 1 if self._mode == "L" else 3
        converted = np.asarray(self(_grid(self._mode, _NODES)), dtype=np.float32)
        return np.moveaxis(converted.reshape(*(len(_NODES),) * axes, 3), -1, 0).copy()

    @property
    def is_srgb(self) -> bool:
        """Whether the conversion leaves all colors as they are, within `_TOLERANCE`."""
        if self._mode not in ("L", "RGB"):
            return False
        grid = _grid(self._mode, np.arange(0, 256, 15, dtype=np.uint8))
        difference = np.asarray(self(grid), dtype=np.int16) - np.asarray(grid.convert("RGB"), dtype=np.int16)
        return bool(np.abs(difference).max() <= _TOLERANCE)


def _grid(mode: str, values: NDArray[np.uint8]) -> Image.Image:
    """Return a picture of one row that holds every combination of ``values`` in its channels."""
    if mode == "L":
        return Image.fromarray(values[np.newaxis])
    return Image.fromarray(np.stack(np.meshgrid(values, values, values, indexing="ij"), axis=-1).reshape(1, -1, 3))


def to_srgb(profile: bytes | None, mode: str) -> ToSrgb | None:
    """Return the conversion to sRGB of pictures of Pillow's ``mode`` (L, RGB, CMYK, LAB) with an embedded profile.

    None: there is no profile, or it is sRGB.

    Raises:
        ValueError: the profile is damaged, or is for another color space.
    """
    try:
        if mode == "LAB":
            return ToSrgb(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), mode)
        if not profile:
            return None
        conversion = ToSrgb(ImageCms.ImageCmsProfile(io.BytesIO(profile)), mode)
        return None if conversion.is_srgb else conversion
    except (OSError, TypeError, ImageCms.PyCMSError) as error:
        raise ValueError(str(error) or "it is broken") from error
