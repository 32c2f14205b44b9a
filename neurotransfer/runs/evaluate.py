"""The losses of existing pictures against a photo and a painting: a way to compare the results of two programs."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from neurotransfer.image_io.arrays import open_picture, pixels
from neurotransfer.image_io.reading import Picture
from neurotransfer.system.errors import InputError, NotFiniteError
from neurotransfer.system.size import Size, fit
from neurotransfer.transfer.plan import Machine, make_plan
from neurotransfer.transfer.protection import find_protection
from neurotransfer.transfer.session import Session
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.sizes import needed_layers
from neurotransfer.transfer.strokes import choose_style_scale

if TYPE_CHECKING:
    from neurotransfer.transfer.evaluation import Losses


def evaluate(
    pictures: Sequence[Path],
    content: Path,
    style: Path,
    settings: Settings,
    *,
    weights: str | Path | None = None,
    long_side: int | None = None,
    max_pixels: int | None = None,
    mask: Path | None = None,
    setup: Callable[[], None] | None = None,
) -> Iterator[tuple[Path, "Losses"]]:
    """Yield each picture's path and losses, measured in float32 at its own size or at the given long side.

    The photo is resampled to the picture's size, the painting as for a result of that size. A file may have
    ``max_pixels``; None: 200 million. ``mask`` takes the place of what `Settings.protect` finds. ``setup`` is called
    before TensorFlow is imported.

    Raises:
        InputError: a file cannot be used, or a picture's shape is not the photo's. Raised before any work.
        NeurotransferError: a picture does not fit into the memory.
    """
    photo, painting = (open_picture(path, max_pixels) for path in (content, style))
    opened = [(path, open_picture(path, max_pixels)) for path in pictures]
    for path, picture in opened:
        _check_aspect(path, picture, photo)
    protection = find_protection(photo, settings, open_picture(mask, max_pixels) if mask else None)
    settings = replace(settings, precision="float32")
    session = Session(weights)
    session.load_weights(needed_layers(settings))
    if setup is not None:
        setup()
    machine, scale = Machine.here(), choose_style_scale(settings, painting)
    sizes = Size(*photo.size), [Size(*painting.size)]
    for path, picture in opened:
        size = fit(picture.size, long_side) if long_side else Size(*picture.size)
        plan = make_plan(*sizes, settings, machine, size, style_scale=scale)
        style_pixels = pixels(painting, plan.scales[-1].style_sizes[0])
        objective = session.objective(settings, plan, pixels(photo, size), style_pixels, protection.mask)
        losses = objective(pixels(picture, size), gradient=False).losses
        if not math.isfinite(losses.total):
            raise NotFiniteError(f"The losses of {path} are not finite; expected numbers. Try lower weights.")
        yield path, losses


def _check_aspect(path: Path, picture: Picture, photo: Picture) -> None:
    width, height = picture.size
    expected = fit(photo.size, max(width, height))
    if max(abs(width - expected.width), abs(height - expected.height)) > max(2, 0.01 * max(width, height)):
        raise InputError(
            f"{path} is {width}x{height} pixels, expected the photo's shape, {expected}; "
            "give the photo that it was painted from."
        )
