"""stylize(): the run itself, a generator of immutable steps. Saving, logging and progress are for its consumers."""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from neurotransfer.image_io.arrays import Source, open_picture, pixels, resize
from neurotransfer.system.cpu import choose_precision
from neurotransfer.system.errors import NotFiniteError
from neurotransfer.system.memory import allowance
from neurotransfer.system.types import Array
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.color import recolor
from neurotransfer.transfer.memory import MemoryPlan, plan_memory
from neurotransfer.transfer.objective import Evaluation, Losses, Objective
from neurotransfer.transfer.optimizers import LBFGS, Adam
from neurotransfer.transfer.plan import needed_layers, plan_octaves, plan_size, plan_style_size
from neurotransfer.transfer.schedule import Pace
from neurotransfer.transfer.settings import DEFAULT, Settings
from neurotransfer.transfer.tiles import work
from neurotransfer.vgg.layers import MEAN_PIXEL
from neurotransfer.vgg.network import VGG19
from neurotransfer.vgg.weights import Weights, load_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """The picture after ``index`` updates: ``image`` float32 (H, W, 3), RGB, and its losses. Step 0 is the start.

    In all octaves but the last the picture is smaller than the result.
    """

    index: int
    image: Array
    losses: Losses
    seconds_left: float | None = field(compare=False)
    """How long the rest will take at the speed so far; None at the start."""
    checkpoint: Callable[[], Checkpoint] = field(repr=False, compare=False)
    """Where to go on from; to be called, and its arrays to be used, before the next step is asked for."""


def stylize(
    content: Source,
    style: Source,
    settings: Settings = DEFAULT,
    *,
    weights: Weights | str | Path | None = None,
    deadline: float | None = None,
    max_memory: float | None = None,
    checkpoint: Checkpoint | None = None,
    max_pixels: int | None = None,
) -> Iterator[Step]:
    """Paint ``content`` in the style of ``style``; yield the start and then one `Step` an update.

    Args:
        content: the photo: a path, a Pillow picture, or an array (height, width, 3) in 0..255.
        style: the painting, likewise.
        settings: how to paint.
        weights: loaded weights, a path, ``"builtin"``, or None to look for them as `find_weights` says.
        deadline: the value of `time.monotonic` by which to be done: updates are left out so that it is kept.
        max_memory: bytes that the process may hold; None: a safe share of what is free. It changes the
            picture no more than rounding does, or L-BFGS remembering fewer steps, less precisely.
        checkpoint: of an earlier run with the same inputs: yields its step again, then goes on.
        max_pixels: the most that a picture file may have; None: 200 million, or less for formats that take more memory.

    Raises:
        InputError: a picture or the weights cannot be used.
        NeurotransferError: the picture does not fit into the memory.
        NotFiniteError: a loss became NaN or infinite; the step yielded last is the last good one.
    """
    photo, painting = open_picture(content, max_pixels), open_picture(style, max_pixels)
    sizes = plan_octaves(plan_size(photo.size, settings), settings)
    if not isinstance(weights, Weights):
        weights = load_weights(weights, needed_layers(settings))
    precision = choose_precision(settings.precision)
    memory = plan_memory(sizes[-1], settings, precision, max_memory or allowance(), (photo.size, painting.size))
    # In float32, tiles make the whole frame's gradient to 1e-5: a unit that is 0 but for rounding must not be on in one
    # and off in the other.
    winograd = precision != "float32" or memory.most_pixels is None
    network = VGG19(weights, settings.pooling, precision, settings.padding, winograd=winograd)
    del weights  # the network has its own copy
    layers = needed_layers(settings)
    pace = Pace(settings, [work(size, layers, memory.most_pixels) for size in sizes], deadline)
    optimizer = _optimizer(settings, pace, memory)
    image: Array | None = None
    begin = 0
    if checkpoint is not None:
        begin, image = checkpoint.octave, checkpoint.image
        optimizer.restore(checkpoint.optimizer)
        pace.restore(checkpoint.pace)
        del checkpoint
    for octave, size in list(enumerate(sizes))[begin:]:
        if octave > begin and image is not None:
            image = np.clip(resize(image, size), 0.0, 255.0)
            optimizer.move(partial(resize, size=size))
        targets = pixels(photo, size), pixels(painting, plan_style_size(painting.size, size, settings))
        if image is None:
            image = _start(settings, *targets, max_pixels)
        objective = Objective(network, settings, *targets, memory.most_pixels)
        del targets  # of a large picture, hundreds of megabytes
        for step in _descend(objective, optimizer, image, pace, octave, first=octave == begin):
            image = step.image
            yield step


def _descend(
    objective: Objective, optimizer: Adam | LBFGS, image: Array, pace: Pace, octave: int, *, first: bool
) -> Iterator[Step]:
    """Yield the steps of one octave; its start is a step in the first one only, later it is the last one enlarged."""

    def step(image: Array, losses: Losses) -> Step:
        # Of the evaluation, no step keeps the gradient: consumers hold it while the next picture is evaluated.
        return Step(
            pace.index,
            image,
            losses,
            pace.seconds_left(),
            lambda: Checkpoint(octave, image, optimizer.state(), pace.state()),
        )

    point = _checked(objective(image, gradient=pace.left(octave) > 0), pace.index)
    del image  # of a large picture, hundreds of megabytes
    if first:
        yield step(point.image, point.losses)
        pace.begin()
    while pace.left(octave) > 0:
        # Nobody asks for the gradient of the last picture: its losses cost a third.
        before, last = point.image, pace.left(octave) == 1
        handed_over = [point]
        del point
        point = _checked(optimizer.step(handed_over.pop(), partial(objective, gradient=not last)), pace.index + 1)
        pace.tick(octave)
        change = float(np.linalg.norm(point.image - before)) / point.image.size**0.5
        if change < pace.settings.tolerance and pace.left(octave) > 0:
            logger.info("Nothing changes any more at step %d (%.3g of 255): done with this size.", pace.index, change)
            pace.skip(octave)
        yield step(point.image, point.losses)


def _checked(point: Evaluation, index: int) -> Evaluation:
    for term, value in point.losses._asdict().items():
        if not math.isfinite(value):
            raise NotFiniteError(
                f"The {term} loss became {value} at step {index}; expected a finite number. "
                "Try a lower learning rate or lower weights."
            )
    return point


def _optimizer(settings: Settings, pace: Pace, memory: MemoryPlan) -> Adam | LBFGS:
    if settings.optimizer == "lbfgs":
        return LBFGS(clip=settings.clip, history=memory.history, half=memory.half)
    return Adam(lambda _: pace.rate(), beta2=settings.beta2, clip=settings.clip)


def _start(settings: Settings, photo: Array, painting: Array, max_pixels: int | None) -> Array:
    """Return the picture of step 0, of the photo's shape; noise is mixed around the mean pixel."""
    mean = np.array(MEAN_PIXEL, dtype=np.float32)
    generator = np.random.default_rng(settings.seed)
    if settings.noise == "uniform":
        noise = generator.uniform(-20.0, 20.0, photo.shape).astype(np.float32)
    else:
        noise = generator.normal(0.0, 0.256, photo.shape).astype(np.float32)
    if settings.init == "noise":
        return mean + noise
    base = _base(settings.init, photo, painting, max_pixels)
    mixed: Array = mean + settings.noise_ratio * noise + (1.0 - settings.noise_ratio) * (base - mean)
    return mixed


def _base(init: str | Path, photo: Array, painting: Array, max_pixels: int | None) -> Array:
    height, width = photo.shape[:2]
    if init == "recolored":
        return recolor(photo, painting)
    if init == "content":
        return photo
    source = painting if init == "style" else init
    return pixels(open_picture(source, max_pixels), (width, height))
