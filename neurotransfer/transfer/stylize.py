"""stylize(): the run itself, an iterator of immutable steps. Saving, logging and progress are for its consumers."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from neurotransfer.image_io.arrays import Source, open_picture, pixels, resize
from neurotransfer.image_io.reading import Picture
from neurotransfer.system.array import Array
from neurotransfer.system.errors import InputError, NeurotransferError, NotFiniteError
from neurotransfer.system.size import Size
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.evaluation import Evaluation, Losses
from neurotransfer.transfer.optimizers import LBFGS, Adam, Optimizer
from neurotransfer.transfer.plan import Machine, Plan, make_plan
from neurotransfer.transfer.protection import Protection, find_protection
from neurotransfer.transfer.schedule import Schedule
from neurotransfer.transfer.session import Session
from neurotransfer.transfer.settings import DEFAULT, Settings
from neurotransfer.transfer.start import start_picture
from neurotransfer.transfer.strokes import choose_style_scale
from neurotransfer.transfer.tones import in_tones
from neurotransfer.vgg.weights import Weights

logger = logging.getLogger(__name__)

_WORTH_A_GRAPH = 1_000_000
"""Pixels beyond which losses without a gradient save more time than tracing their graph takes."""


@dataclass(frozen=True)
class Step:
    """The picture after ``index`` steps: ``image`` float32 (H, W, 3), RGB, and its losses. Step 0 is the start.

    The run continues from the same array, which is read-only: copy it to change it. At all scales but the last the
    picture is smaller than the result.
    """

    index: int
    image: Array
    losses: Losses
    seconds_left: float | None = field(default=None, compare=False)
    """How long the rest will take at the speed so far; None at the start."""


def stylize(
    content: Source,
    styles: Source | tuple[Source, ...],
    settings: Settings = DEFAULT,
    *,
    start: Source | None = None,
    protect: Source | Protection | None = None,
    session: Session | None = None,
    weights: Weights | str | Path | None = None,
    plan: Plan | None = None,
    deadline: float | None = None,
    max_memory: float | None = None,
    checkpoint: Checkpoint | None = None,
    max_pixels: int | None = None,
) -> "Stylization":
    """Paint ``content`` in the style of ``styles``: return an iterator of `Step`, the start and one for each update.

    Args:
        content: the photo: a path, a Pillow picture, or an array (height, width, 3) in 0..255.
        styles: the painting, likewise; a tuple holds one for now.
        settings: how to paint.
        start: the start picture, likewise; None: what ``settings.init`` says.
        protect: a mask of the photo's shape, likewise, white where it stays, or what was found in it before; None: what
            ``settings.protect`` finds.
        session: networks, graphs and style targets of earlier pictures; None: they are made for this one.
        weights: without a session, loaded weights, a path, ``"builtin"``, or None for what `find_weights` finds.
        plan: sizes, precision and tiles; None: made from the pictures, the settings and this machine.
        deadline: the value of `time.monotonic` by which to be done: steps are left out to keep it.
        max_memory: without a plan, the bytes that the process may hold; None: a safe share of what is free. It changes
            the picture no more than rounding does, or L-BFGS remembering fewer steps, less precisely.
        checkpoint: of an earlier run with the same inputs and plan: yields its step again, then continues.
        max_pixels: the most that a picture file may have; None: 200 million, or less for formats that take more memory.

    Raises:
        InputError: a picture or the weights cannot be used.
        NeurotransferError: the picture does not fit into the memory.
        NotFiniteError: while iterating: a loss became NaN or infinite; the step yielded last is the last good one.
    """
    paintings = tuple(styles) if isinstance(styles, (tuple, list)) else (styles,)
    if len(paintings) != 1:
        raise InputError(f"One style was expected, found {len(paintings)}; give one painting.")
    if session is not None and weights is not None:
        raise InputError("A session has its weights; give them to `Session`, or give weights without a session.")
    pictures = [open_picture(source, max_pixels) for source in (content, *paintings)]
    first = None if start is None else open_picture(start, max_pixels)
    if plan is None:
        photo_size, *style_sizes = (Size(*picture.size) for picture in pictures)
        scale = choose_style_scale(settings, pictures[1])
        plan = make_plan(photo_size, style_sizes, settings, Machine.here(max_memory), style_scale=scale)
    if checkpoint is not None:
        checkpoint.require_fit(settings, plan)
    session = session or Session(weights)
    session.load_weights(plan.layers)
    if not isinstance(protect, Protection):
        mask = None if protect is None else open_picture(protect, max_pixels)
        protect = find_protection(pictures[0], settings, mask)
    return Stylization(pictures[0], pictures[1:], first, protect, settings, plan, session, deadline, checkpoint)


class Stylization(Iterator[Step]):
    """A run in progress: an iterator of its steps, which can say between any two of them where it is."""

    def __init__(
        self,
        content: Picture,
        styles: list[Picture],
        start: Picture | None,
        protection: Protection,
        settings: Settings,
        plan: Plan,
        session: Session,
        deadline: float | None,
        checkpoint: Checkpoint | None,
    ) -> None:
        self._content, self._styles, self._start = content, styles, start
        self._settings, self._plan, self._session = settings, plan, session
        self._protected = protection.mask
        self._schedule = Schedule(settings, plan, deadline)
        self._optimizer: Optimizer
        if settings.optimizer == "lbfgs":
            self._optimizer = LBFGS(clip=settings.clip, history=plan.memory.history, half=plan.memory.half)
        else:
            schedule, betas = self._schedule, (settings.beta1, settings.beta2)
            self._optimizer = Adam(lambda _: schedule.rate(), betas=betas, clip=settings.clip)
        self._scale = 0
        self._image: Array | None = None
        self._broken = False
        if checkpoint is not None:
            self._scale, self._image = checkpoint.scale, checkpoint.image
            self._optimizer.restore(checkpoint.optimizer)
            self._schedule.restore(checkpoint.schedule)
        self._steps = self._paint()

    def __next__(self) -> Step:
        try:
            return next(self._steps)
        except StopIteration:
            raise
        except BaseException:
            self._broken = True  # in the middle of a step
            raise

    def checkpoint(self) -> Checkpoint:
        """Return the place of the run after the step yielded last; valid as long as it is held.

        Raises:
            NeurotransferError: no step was yielded yet, or one failed since.
        """
        if self._image is None or self._broken:
            reason = "a step failed" if self._broken else "no step was done yet"
            raise NeurotransferError(f"There is no checkpoint: {reason}; take one after a step.")
        return Checkpoint(self._scale, self._image, self._optimizer.state(), self._schedule.state())

    def _paint(self) -> Iterator[Step]:
        """Yield the steps of all scales, from the one where the run begins or continues."""
        begin = self._scale
        for index, scale in list(enumerate(self._plan.scales))[begin:]:
            image = self._image
            if index > begin and image is not None:
                image = np.clip(resize(image, scale.size), 0.0, 255.0)
                self._optimizer.resize(partial(resize, size=scale.size))
            content, style = pixels(self._content, scale.size), pixels(self._styles[0], scale.style_sizes[0])
            if image is None:
                image = start_picture(self._settings, content, style, self._start)
            whole = self._session.objective(self._settings, self._plan, content, style, self._protected)
            objective = in_tones(whole, content, style)
            del content, style  # of a large picture, hundreds of megabytes
            self._optimizer.current = self._checked(objective(image, gradient=self._schedule.left(index) > 0))
            self._scale, self._image = index, self._optimizer.current.image
            del image
            if index == begin:  # later scales begin with the last step, enlarged
                yield self._step()
                self._schedule.begin()
            while self._schedule.left(index) > 0:
                # The last picture needs no gradient: its losses cost a third.
                last = self._schedule.left(index) == 1 and scale.size.pixels > _WORTH_A_GRAPH
                self._optimizer.step(partial(objective, gradient=not last))
                self._advance(index)
                yield self._step()

    def _advance(self, scale: int) -> None:
        """Take over the optimizer's new picture; leave out the rest of the scale if nothing changes any more."""
        assert self._image is not None
        image = self._checked(self._optimizer.current, self._schedule.index + 1).image
        self._schedule.tick(scale)
        change = float(np.linalg.norm(image - self._image)) / image.size**0.5
        self._image = image
        if change < self._settings.tolerance and self._schedule.left(scale) > 0:
            logger.info("Step %d changes the picture by %.3g of 255: this size is done.", self._schedule.index, change)
            self._schedule.skip(scale)

    def _step(self) -> Step:
        # A step does not keep the evaluation's gradient: consumers hold it while the next picture is evaluated.
        current = self._optimizer.current
        assert current is not None
        current.image.flags.writeable = False
        return Step(self._schedule.index, current.image, current.losses, self._schedule.seconds_left())

    def _checked(self, evaluation: Evaluation | None, index: int | None = None) -> Evaluation:
        assert evaluation is not None
        for term, value in evaluation.losses.items():
            if not math.isfinite(value):
                raise NotFiniteError(
                    f"The {term} loss became {value} at step {self._schedule.index if index is None else index}; "
                    "expected a finite number. Try a lower learning rate or lower weights."
                )
        return evaluation
