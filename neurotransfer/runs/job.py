"""A job: paths and settings, of which everything that can be wrong is looked at before TensorFlow is loaded."""

import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neurotransfer.image_io.arrays import open_picture
from neurotransfer.image_io.exif import filter_exif
from neurotransfer.image_io.reading import Picture
from neurotransfer.image_io.saving import ALPHAS
from neurotransfer.runs.print_sizes import PAPERS, long_side_on
from neurotransfer.runs.recorder import file_facts
from neurotransfer.runs.run_folder import OutputPlan, plan_output, run_name
from neurotransfer.runs.samples import PAINTING, PHOTO
from neurotransfer.system.cpu import choose_precision
from neurotransfer.system.errors import InputError
from neurotransfer.system.memory import allowance
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.memory import MemoryPlan, plan_memory
from neurotransfer.transfer.plan import LARGEST_SINGLE, needed_layers, plan_octaves, plan_size, plan_style_size
from neurotransfer.transfer.schedule import WORTH_SAYING, forecast, spoken
from neurotransfer.transfer.settings import DEFAULT, INITS, Settings
from neurotransfer.vgg.weights import Weights, load_weights

logger = logging.getLogger(__name__)

PRINT_DPI = 300.0
LOWEST_DPI, HIGHEST_DPI = 10, 4800


@dataclass(frozen=True)
class Job:
    """One picture to paint: which files, how, and where to."""

    content: Path = PHOTO
    style: Path = PAINTING
    settings: Settings = DEFAULT
    output: str = "output/"
    weights: str | Path | None = None
    snapshot_every: int | None = None
    """Steps between snapshots; None: 20 in a run folder, none beside a file."""
    save_every: float = 30.0
    """Seconds between savings of a run folder's state, from which `resume` goes on."""
    overwrite: bool = False
    paper: str | None = None
    """Name of a sheet that the picture is to fill, one of `PAPERS`; rules the size, with `dpi` or 300."""
    dpi: float | None = None
    """Resolution noted in the files, pixels per inch."""
    bits: int = 8
    """Depth of the final picture: 8, or 16 for PNG and TIFF."""
    max_memory: float | None = None
    """Bytes that the process may hold; None: a safe share of what is free when the job is prepared."""
    alpha: str = "keep"
    """What becomes of the photo's transparency: ``keep`` puts it back into the result, ``flatten`` lays it on white."""
    keep_gps: bool = False
    """Whether the place in the photo's EXIF goes into the result, as date, copyright, artist and camera do."""
    max_pixels: int | None = None
    """The most that a picture file may have; None: 200 million, or less for formats that take more memory."""
    time_budget: float | None = None
    """Seconds from the job's preparation to its finished picture; updates are left out to keep them."""


@dataclass(frozen=True)
class Earlier:
    """What a resumed run goes on from: the checkpoint, unless no step was done, and the record of its steps."""

    checkpoint: Checkpoint | None
    record: dict[str, Any]


@dataclass
class Prepared:
    """A job whose inputs are open and checked and whose place on disk is claimed."""

    job: Job
    photo: Picture
    painting: Picture
    weights: Weights = field(repr=False)
    plan: OutputPlan
    max_memory: float
    """Bytes that the process may hold."""
    begun: float
    """The value of `time.monotonic` when the preparation began."""
    facts: dict[str, Any] = field(repr=False)
    """Settings, inputs and weights as plain values without folders."""
    earlier: Earlier | None = field(default=None, repr=False)
    """The part of the run that is done."""

    def hand_over_weights(self) -> Weights:
        """Return the weights and keep none: the network has its own copy, and they take up to 50 MB."""
        weights = self.weights
        del self.weights  # whoever comes again is told by AttributeError: a job is painted once
        return weights

    @property
    def updates(self) -> int:
        """The number of updates of the whole run."""
        if self.earlier is None or self.earlier.checkpoint is None:
            return self.job.settings.updates
        return sum(self.earlier.checkpoint.pace["counts"])


def prepare(job: Job, claimed: OutputPlan | None = None, earlier: Earlier | None = None) -> Prepared:
    """Open and check everything that a job needs, and claim its output; loads no TensorFlow.

    A run that goes on has its output ``claimed`` and an ``earlier`` part.

    Raises:
        InputError: something cannot be used as given. Nothing was written.
        NeurotransferError: the picture does not fit into the memory. Nothing was written.
    """
    begun = time.monotonic()
    if job.alpha not in ALPHAS:
        raise InputError(f"--alpha must be one of {', '.join(ALPHAS)}; found {job.alpha!r}.")
    photo, painting = (open_picture(path, job.max_pixels) for path in (job.content, job.style))
    photo = replace(
        photo,
        alpha=photo.alpha if job.alpha == "keep" else None,
        exif=filter_exif(photo.exif, keep_gps=job.keep_gps),
    )
    start = None if job.settings.init in INITS else Path(job.settings.init)
    if start is not None:
        if not start.exists():
            raise InputError(f"--init must be {', '.join(INITS)} or a picture file; there is no file {str(start)!r}.")
        open_picture(start, job.max_pixels)
    job = _sized_for_paper(job, photo)
    width, height = _announced_size(photo, painting, job.settings)
    precision = choose_precision(job.settings.precision)
    max_memory = job.max_memory or allowance()
    memory = plan_memory((width, height), job.settings, precision, max_memory, (photo.size, painting.size))
    if earlier is not None and memory.peak > (free := allowance()):
        logger.warning(
            "The run was planned with more memory than there is now: %.1f GB, of which %.1f GB are free; "
            "--max-memory %.1fG plans it anew.",
            memory.peak / 1e9,
            free / 1e9,
            free / 1e9,
        )
    weights = load_weights(job.weights, needed_layers(job.settings))
    facts = {
        "content": file_facts(job.content),
        "style": file_facts(job.style),
        "weights": weights.source.as_json(),
        "settings": job.settings.as_json(),
        "precision": precision,
        "width": width,
        "height": height,
    }
    if start is not None:
        facts["init"] = file_facts(start)
    plan = claimed or plan_output(
        job.output,
        run_name(job.content, job.style),
        (width, height),
        snapshot_every=job.snapshot_every,
        overwrite=job.overwrite,
        bits=job.bits,
        inputs=(job.content, job.style, *([start] if start else [])),
    )
    if earlier is None:
        octaves = plan_octaves((width, height), job.settings)
        seconds = forecast(job.settings, octaves, precision, memory.most_pixels)
        _announce(memory, min(seconds, job.time_budget or seconds))
    return Prepared(job, photo, painting, weights, plan, max_memory, begun, facts, earlier)


def _sized_for_paper(job: Job, photo: Picture) -> Job:
    if job.dpi is not None and not LOWEST_DPI <= job.dpi <= HIGHEST_DPI:
        raise InputError(f"--dpi must be from {LOWEST_DPI} to {HIGHEST_DPI} pixels per inch; found {job.dpi:g}.")
    if job.paper is None:
        return job
    if job.paper not in PAPERS:
        raise InputError(f"--print must be one of {', '.join(PAPERS)}; found {job.paper!r}.")
    dpi = job.dpi or PRINT_DPI
    side = long_side_on(job.paper, dpi, photo.size)
    return replace(job, dpi=dpi, settings=replace(job.settings, size=side, enlarge=True))


def _announced_size(photo: Picture, painting: Picture, settings: Settings) -> tuple[int, int]:
    width, height = plan_size(photo.size, settings)
    asked = settings.size
    if isinstance(asked, int) and asked > max(width, height):
        logger.log(
            logging.DEBUG if asked == DEFAULT.size else logging.INFO,
            "The photo is %dx%d, smaller than --size %d: painted at its own size (--enlarge to enlarge it).",
            *photo.size,
            asked,
        )
    wanted = plan_style_size(painting.size, (width, height), settings)
    if max(wanted) > max(painting.size):
        logger.log(
            logging.INFO if max(wanted) > LARGEST_SINGLE else logging.DEBUG,
            "The painting, %dx%d pixels, is enlarged to %dx%d: a larger one has finer strokes to give.",
            *painting.size,
            *wanted,
        )
    return width, height


def _announce(memory: MemoryPlan, seconds: float) -> None:
    logger.log(
        logging.INFO if memory.most_pixels or seconds > WORTH_SAYING else logging.DEBUG,
        "This should take about %s and at most %.1f GB of memory, %s.",
        spoken(seconds),
        memory.peak / 1e9,
        f"in tiles of up to {memory.most_pixels:,} pixels" if memory.most_pixels else "the picture as a whole",
    )
