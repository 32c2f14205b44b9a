"""Protection: places of a photo that the painting must not cover, such as faces, and what was found there."""

import logging
from typing import Any, NamedTuple

import numpy as np

from neurotransfer.detect.faces import Face, find_faces
from neurotransfer.detect.person import find_people
from neurotransfer.image_io.arrays import pixels, to_uint8
from neurotransfer.image_io.reading import Picture
from neurotransfer.system.array import Array
from neurotransfer.system.errors import InputError
from neurotransfer.system.size import Size, fit
from neurotransfer.transfer.settings import Settings

logger = logging.getLogger(__name__)

_SIDE = 768
"""Long side at which a photo is looked at."""
_MASK_SIDE = 512
"""Long side of a mask."""
_REACH = 0.6
"""Half of a protected ellipse, relative to the box of its face: brows to chin, and some hair."""
_LEAST_PERSON = 0.01
"""Share of a photo below which a find is none: on a bridge at night, the mask covers 0.005."""
_OFF_SHAPE = 0.02
"""How much the shape of a mask may differ from the photo's."""


class Protection(NamedTuple):
    """What is protected of a photo."""

    mask: Array | None = None
    """(h, w), 0 to 1, over all of the photo; None: nothing is protected."""
    faces: tuple[Face, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what was found, as plain values: faces, and the share of the photo that is protected."""
        share = 0.0 if self.mask is None else round(float(self.mask.mean()), 4)
        return {"share": share, "faces": [face._asdict() for face in self.faces]}


def find_protection(photo: Picture, settings: Settings, mask: Picture | None = None) -> Protection:
    """Return what `Settings.protect` finds in a photo, or what ``mask`` covers: white protects, black does not.

    Raises:
        InputError: the mask does not have the photo's shape.
    """
    if mask is not None:
        return Protection(_from_picture(mask, Size(*photo.size)))
    if settings.protect == "none":
        return Protection()
    small = to_uint8(pixels(photo, fit(photo.size, min(_SIDE, max(photo.size)))))
    if settings.protect == "person":
        people = find_people(small)
        share = float(people.mean())
        if share < _LEAST_PERSON:
            logger.warning("No person was found in the photo: --protect person makes no difference.")
            return Protection()
        logger.debug("People found, who stay more like the photo: %.0f %% of it.", 100.0 * share)
        return Protection(people)
    faces = find_faces(small)
    if not faces:
        logger.debug("No face was found in the photo.")
        return Protection()
    places = ", ".join(f"{face.width * photo.size[0]:.0f} pixels wide ({face.score:.2f})" for face in faces)
    logger.debug("Faces found, which stay more like the photo: %s.", places)
    return Protection(_around(faces, fit(photo.size, min(_MASK_SIDE, max(photo.size)))), faces)


def _around(faces: tuple[Face, ...], size: Size) -> Array:
    """Return a mask with a soft ellipse around every face."""
    rows, columns = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    mask = np.zeros((size.height, size.width), np.float32)
    for face in faces:
        across = (columns + 0.5) / size.width - (face.left + face.width / 2)
        down = (rows + 0.5) / size.height - (face.top + face.height / 2)
        distance = (across / (_REACH * face.width)) ** 2 + (down / (_REACH * face.height)) ** 2
        mask = np.maximum(mask, np.exp(-(distance**2)))
    return mask


def _from_picture(mask: Picture, photo: Size) -> Array:
    size = Size(*mask.size)
    if abs(size.width * photo.height / (size.height * photo.width) - 1.0) > _OFF_SHAPE:
        raise InputError(
            f"The mask of --protect is {size} pixels, expected the shape of the photo, {photo}; "
            "paint it over a copy of the photo."
        )
    shares: Array = pixels(mask, fit(size, min(_MASK_SIDE, size.long_side))).mean(axis=2) / np.float32(255.0)
    if shares.max() < 0.01 or shares.min() > 0.99:
        logger.warning(
            "The mask of --protect is all %s: it makes no difference.", "black" if shares.max() < 0.01 else "white"
        )
    return shares
