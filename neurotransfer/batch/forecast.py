"""What a batch will take, before any of it was done: the size, seconds and memory of each task, from files' headers."""

from typing import NamedTuple

from neurotransfer.batch.tasks import Task
from neurotransfer.image_io.arrays import open_picture
from neurotransfer.image_io.peek import peek_size
from neurotransfer.runs.job import sized_for_paper
from neurotransfer.system.errors import NeurotransferError
from neurotransfer.system.size import Size
from neurotransfer.transfer.forecast import START_SECONDS
from neurotransfer.transfer.plan import Machine, make_plan
from neurotransfer.transfer.strokes import choose_style_scale


class Forecast(NamedTuple):
    """What a task will take, or why it cannot be done."""

    size: Size | None
    seconds: float = 0.0
    """Without the start of the program, which a batch pays once."""
    memory: float = 0.0
    """Bytes."""
    reason: str = ""


class Forecaster:
    """Looks at tasks on one machine; each painting is opened once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._styles: dict[object, tuple[Size, float]] = {}

    def __call__(self, task: Task) -> Forecast:
        """Return what a task will take."""
        job = task.job
        try:
            photo = Size(*peek_size(job.inputs.content.path, job.max_pixels))
            style = job.inputs.styles[0].path
            key = style, job.settings.style_scale
            if key not in self._styles:
                picture = open_picture(style, job.max_pixels)
                self._styles[key] = Size(*picture.size), choose_style_scale(job.settings, picture)
            size, scale = self._styles[key]
            settings = sized_for_paper(job, photo).settings
            plan = make_plan(photo, [size], settings, self._machine, style_scale=scale)
        except NeurotransferError as error:
            return Forecast(None, reason=str(error))
        return Forecast(plan.size, plan.seconds - START_SECONDS, plan.memory.peak)
