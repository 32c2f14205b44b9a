"""The losses of existing pictures against a photo and a painting: how two programs' results are compared."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurotransfer.image_io.arrays import open_picture, pixels
from neurotransfer.image_io.reading import Picture
from neurotransfer.system.errors import InputError, NotFiniteError
from neurotransfer.system.memory import allowance
from neurotransfer.system.types import fit
from neurotransfer.transfer.memory import plan_memory
from neurotransfer.transfer.plan import needed_layers, plan_style_size
from neurotransfer.transfer.settings import Settings
from neurotransfer.vgg.weights import load_weights

if TYPE_CHECKING:
    from neurotransfer.transfer.objective import Losses


def evaluate(
    pictures: Sequence[Path],
    content: Path,
    style: Path,
    settings: Settings,
    weights: str | Path | None = None,
    long_side: int | None = None,
    max_pixels: int | None = None,
) -> Iterator[tuple[Path, "Losses"]]:
    """Yield each picture's path and losses, measured at the picture's own size or at the given long side.

    The photo is resampled to the picture's size, the painting to ``style_scale`` times its long side. A file may have
    ``max_pixels``; None: 200 million.

    Raises:
        InputError: a file cannot be used, or a picture's shape is not the photo's. Raised before any work.
        NeurotransferError: a picture does not fit into the memory.
    """
    photo, painting = (open_picture(path, max_pixels) for path in (content, style))
    opened = [(path, open_picture(path, max_pixels)) for path in pictures]
    for path, picture in opened:
        _check_aspect(path, picture, photo)
    loaded = load_weights(weights, needed_layers(settings))

    from neurotransfer.transfer.objective import Objective  # loads TensorFlow, now that every input is known to be good
    from neurotransfer.vgg.network import VGG19

    network = VGG19(loaded, settings.pooling, padding=settings.padding)
    del loaded  # the network has its own copy
    objectives: dict[tuple[int, int], Objective] = {}
    for path, picture in opened:
        size = fit(picture.size, long_side) if long_side else picture.size
        if size not in objectives:
            objectives.clear()  # one size's targets at a time
            style_target = pixels(painting, plan_style_size(painting.size, size, settings))
            plan = plan_memory(size, settings, "float32", allowance(), (photo.size, painting.size))
            objectives[size] = Objective(network, settings, pixels(photo, size), style_target, plan.most_pixels)
        losses = objectives[size](pixels(picture, size), gradient=False).losses
        if not math.isfinite(losses.total):
            raise NotFiniteError(f"The losses of {path} are not finite; expected numbers. Try lower weights.")
        yield path, losses


def _check_aspect(path: Path, picture: Picture, photo: Picture) -> None:
    width, height = picture.size
    expected = fit(photo.size, max(width, height))
    if max(abs(width - expected[0]), abs(height - expected[1])) > max(2, 0.01 * max(width, height)):
        raise InputError(
            f"{path} is {width}x{height} pixels, expected the photo's shape, {expected[0]}x{expected[1]}; "
            "give the photo that it was painted from."
        )
