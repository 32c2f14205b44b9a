"""A job: paths and settings. All that can be wrong with them is found by `prepare`, before TensorFlow is loaded."""

import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neurotransfer.image_io.exif import filter_exif
from neurotransfer.runs.inputs import DEFAULT_INPUTS, DEFAULT_OPTIONS, Inputs, OutputOptions, Pictures
from neurotransfer.runs.print_sizes import long_side_on
from neurotransfer.runs.run_folder import OutputPaths, claim_output, run_name
from neurotransfer.runs.run_info import RunInfo
from neurotransfer.system.cpu import announce_precision, slowdown
from neurotransfer.system.memory import allowance
from neurotransfer.system.size import Size
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.forecast import format_duration
from neurotransfer.transfer.plan import Machine, Plan, make_plan
from neurotransfer.transfer.protection import Protection, find_protection
from neurotransfer.transfer.schedule import ANNOUNCE_SECONDS
from neurotransfer.transfer.session import Session
from neurotransfer.transfer.settings import DEFAULT, Settings
from neurotransfer.transfer.sizes import MIN_SIDE
from neurotransfer.transfer.strokes import choose_style_scale

logger = logging.getLogger(__name__)

_LARGE = 720
"""Long side of a painting from which its being enlarged is said unasked."""
_MUCH_ENLARGED = 4
"""Times beyond which an enlarged painting is a blur."""
_MUCH_SLOWER = 1.5
"""Times beyond which other work on the machine is named."""


@dataclass(frozen=True)
class Job:
    """One picture to paint: which files, how, and where to."""

    inputs: Inputs = DEFAULT_INPUTS
    settings: Settings = DEFAULT
    output: str = "output/"
    options: OutputOptions = DEFAULT_OPTIONS
    overwrite: bool = False
    weights: str | Path | None = None
    max_memory: float | None = None
    """Bytes that the process may hold; None: a safe share of what is free when the job is prepared."""
    max_pixels: int | None = None
    """The most that a picture file may have; None: 200 million, or less for formats that take more memory."""
    time_budget: float | None = None
    """Seconds from the job's preparation to its finished picture; steps are left out to keep them."""


@dataclass(frozen=True)
class PreviousRun:
    """What a resumed run continues from."""

    plan: Plan | None
    """None: the rest is planned again."""
    checkpoint: Checkpoint | None
    """None: no step was done."""
    record: dict[str, Any]
    """The losses of its steps, and its seconds."""


@dataclass(frozen=True)
class Prepared:
    """A job whose inputs are open and checked and whose place on disk is claimed."""

    job: Job
    pictures: Pictures
    protection: Protection
    plan: Plan
    session: Session = field(repr=False)
    paths: OutputPaths
    info: RunInfo
    begun: float
    """The value of `time.monotonic` when the preparation began."""
    previous: PreviousRun | None = field(default=None, repr=False)

    @property
    def steps(self) -> int:
        """The number of steps of the whole run."""
        if self.previous is None or self.previous.checkpoint is None:
            return self.plan.steps
        return sum(self.previous.checkpoint.schedule["counts"])


def prepare(
    job: Job,
    *,
    session: Session | None = None,
    claimed: OutputPaths | None = None,
    previous: PreviousRun | None = None,
) -> Prepared:
    """Open and check everything that a job needs, and claim its output; loads no TensorFlow.

    A ``session`` keeps networks, graphs and style targets from job to job. A run that is resumed has its output
    ``claimed`` and a ``previous`` part.

    Raises:
        InputError: something cannot be used as given. Nothing was written.
        NeurotransferError: the picture does not fit into the memory. Nothing was written.
    """
    begun = time.monotonic()
    pictures = _open(job)
    job = sized_for_paper(job, Size(*pictures.content.size))
    protection = find_protection(pictures.content, job.settings, pictures.protect)
    plan = previous.plan if previous else None
    if plan is None:
        photo_size, *style_sizes = (Size(*picture.size) for picture in (pictures.content, *pictures.styles))
        announce_precision(job.settings.precision)
        machine = Machine.here(job.max_memory)
        scale = choose_style_scale(job.settings, pictures.styles[0])
        plan = make_plan(photo_size, style_sizes, job.settings, machine, style_scale=scale)
        few = replace(job.settings, steps=len(plan.scales))
        least = make_plan(photo_size, style_sizes, few, machine, style_scale=scale).seconds
    if previous is not None and plan.memory.peak > (free := allowance()):
        logger.warning(
            "The run was planned with more memory than there is now: %.1f GB, of which %.1f GB are free; "
            "--max-memory %.1fG plans it again.",
            plan.memory.peak / 1e9,
            free / 1e9,
            free / 1e9,
        )
    session = session or Session(job.weights)
    weights = session.load_weights(plan.layers)
    info = RunInfo.now(job.inputs.hashed(), weights, job.settings, job.options, plan, job.max_pixels)
    paths = claimed or claim_output(
        job.output,
        run_name(job.inputs.content.path, job.inputs.styles[0].path),
        plan.size,
        snapshot_every=job.options.snapshot_every,
        overwrite=job.overwrite,
        bits=job.options.bits,
        inputs=[file.path for file in job.inputs],
    )
    if previous is None:
        _announce_sizes(pictures, job.settings, plan)
        _announce_cost(plan, min(plan.seconds, job.time_budget or plan.seconds))
        if job.time_budget and least > job.time_budget:
            logger.warning(
                "The time budget of %s is too short: a step at each size takes about %s, with the painting's features; "
                "a smaller --size or --style-scale takes less.",
                format_duration(job.time_budget),
                format_duration(least),
            )
    return Prepared(job, pictures, protection, plan, session, paths, info, begun, previous)


def _open(job: Job) -> Pictures:
    """Return the pictures of a job; the photo with the alpha and EXIF that its results keep."""
    pictures = job.inputs.open(job.max_pixels)
    content = replace(
        pictures.content,
        alpha=pictures.content.alpha if job.options.alpha == "keep" else None,
        exif=filter_exif(pictures.content.exif, keep_gps=job.options.keep_gps),
    )
    return pictures._replace(content=content)


def sized_for_paper(job: Job, content: Size) -> Job:
    """Return the job with the size that its sheet of paper has for a photo of size ``content``, if it has a sheet."""
    options = job.options
    if options.paper is None or options.resolution is None:
        return job
    side = long_side_on(options.paper, options.resolution, content)
    return replace(job, settings=replace(job.settings, size=side, enlarge=True))


def _announce_sizes(pictures: Pictures, settings: Settings, plan: Plan) -> None:
    asked = settings.size
    if isinstance(asked, int) and asked > plan.size.long_side:
        logger.log(
            logging.DEBUG if asked == DEFAULT.size else logging.INFO,
            "The photo is %dx%d, smaller than --size %d: painted at its own size (--enlarge to enlarge it).",
            *pictures.content.size,
            asked,
        )
    if min(plan.size) < MIN_SIDE:
        logger.warning(
            "The result will have %s pixels: of a picture below %d pixels in height or width, the network sees little.",
            plan.size,
            MIN_SIDE,
        )
    for style, wanted in zip(pictures.styles, plan.scales[-1].style_sizes, strict=True):
        if wanted.long_side > max(style.size):
            too_small = wanted.long_side > _MUCH_ENLARGED * max(style.size)
            logger.log(
                logging.WARNING if too_small else logging.INFO if wanted.long_side > _LARGE else logging.DEBUG,
                "The painting, %dx%d pixels, is enlarged to %dx%d: a larger one has finer strokes to give.",
                *style.size,
                *wanted,
            )


def _announce_cost(plan: Plan, seconds: float) -> None:
    tile_pixels = plan.memory.max_tile_pixels
    time_words, others = format_duration(seconds), slowdown()
    if others > _MUCH_SLOWER:
        time_words += f" ({format_duration(seconds * others)} beside as much other work as in the last minute)"
    logger.log(
        logging.INFO if tile_pixels or seconds > ANNOUNCE_SECONDS else logging.DEBUG,
        "This should take about %s and at most %.1f GB of memory, %s.",
        time_words,
        plan.memory.peak / 1e9,
        f"in tiles of up to {tile_pixels:,} pixels" if tile_pixels else "the picture as a whole",
    )
