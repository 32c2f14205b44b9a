"""stylize(): the run itself, a generator of immutable steps. Saving, logging and progress are for its consumers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from neurotransfer.color import recolor
from neurotransfer.errors import NotFiniteError
from neurotransfer.images import Array, Source, open_picture, pixels
from neurotransfer.layers import MEAN_PIXEL
from neurotransfer.objective import Evaluation, Losses, Objective
from neurotransfer.optimizers import LBFGS, Adam
from neurotransfer.precision import choose_precision
from neurotransfer.settings import DEFAULT, Settings
from neurotransfer.sizes import needed_layers, plan_size, plan_style_size
from neurotransfer.vgg import VGG19
from neurotransfer.weights import Weights, load_weights


@dataclass(frozen=True)
class Step:
    """The picture after ``index`` updates: ``image`` float32 (H, W, 3), RGB, and its losses. Step 0 is the start."""

    index: int
    image: Array
    losses: Losses


def stylize(
    content: Source,
    style: Source,
    settings: Settings = DEFAULT,
    *,
    weights: Weights | str | Path | None = None,
) -> Iterator[Step]:
    """Paint ``content`` in the style of ``style``; yield the start and then one `Step` an update.

    Args:
        content: the photo: a path, a Pillow picture, or an array (height, width, 3) in 0..255.
        style: the painting, likewise.
        settings: how to paint.
        weights: loaded weights, a path, ``"builtin"``, or None to look for them as `find_weights` says.

    Raises:
        InputError: a picture or the weights cannot be used.
        NotFiniteError: a loss became NaN or infinite; the step yielded last is the last good one.
    """
    photo, painting = open_picture(content), open_picture(style)
    size = plan_size(photo.size, settings)
    if not isinstance(weights, Weights):
        weights = load_weights(weights, needed_layers(settings))
    target = pixels(photo, size)
    style_target = pixels(painting, plan_style_size(painting.size, size, settings))
    start = _start(settings, target, style_target)
    network = VGG19(weights, settings.pooling, choose_precision(settings.precision))
    objective = Objective(network, settings, target, style_target)
    del weights  # the network has its own copy
    yield from _optimize(objective, settings, start)


def _optimize(objective: Objective, settings: Settings, start: Array) -> Iterator[Step]:
    optimizer = _optimizer(settings)
    point = objective(start, gradient=settings.updates > 0)
    yield _checked(0, point)
    for index in range(1, settings.updates + 1):
        # Nobody asks for the gradient of the last picture: its losses cost a third.
        point = optimizer.step(point, partial(objective, gradient=index < settings.updates))
        yield _checked(index, point)


def _optimizer(settings: Settings) -> Adam | LBFGS:
    if settings.optimizer == "lbfgs":
        return LBFGS(clip=settings.clip)
    return Adam(partial(rate_of_step, settings), beta2=settings.beta2, clip=settings.clip)


def rate_of_step(settings: Settings, index: int) -> float:
    """Return Adam's rate for update ``index``, 1 to `steps`; a cosine schedule ends just above zero."""
    if settings.schedule == "constant":
        return settings.learning_rate
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * (index - 1) / settings.updates))


def _checked(index: int, point: Evaluation) -> Step:
    for term, value in point.losses._asdict().items():
        if not math.isfinite(value):
            raise NotFiniteError(
                f"The {term} loss became {value} at step {index}; expected a finite number. "
                "Try a lower learning rate or lower weights."
            )
    return Step(index, point.image, point.losses)


def _start(settings: Settings, photo: Array, painting: Array) -> Array:
    """Return the picture of step 0, of the photo's shape; noise is mixed around the mean pixel."""
    mean = np.array(MEAN_PIXEL, dtype=np.float32)
    generator = np.random.default_rng(settings.seed)
    if settings.noise == "uniform":
        noise = generator.uniform(-20.0, 20.0, photo.shape).astype(np.float32)
    else:
        noise = generator.normal(0.0, 0.256, photo.shape).astype(np.float32)
    if settings.init == "noise":
        return mean + noise
    base = _base(settings.init, photo, painting)
    mixed: Array = mean + settings.noise_ratio * noise + (1.0 - settings.noise_ratio) * (base - mean)
    return mixed


def _base(init: str | Path, photo: Array, painting: Array) -> Array:
    height, width = photo.shape[:2]
    if init == "recolored":
        return recolor(photo, painting)
    if init == "content":
        return photo
    source = painting if init == "style" else init
    return pixels(open_picture(source), (width, height))
