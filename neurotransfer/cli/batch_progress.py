"""Progress of a batch: bars on a terminal, else a line for each picture, or events as JSON."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from neurotransfer.batch.painter import Event
from neurotransfer.batch.records import Row
from neurotransfer.batch.tasks import Task
from neurotransfer.cli.console import echo_line, one_line
from neurotransfer.cli.progress import LineTimer, clock, is_bar, print_event
from neurotransfer.image_io.peek import peek_size
from neurotransfer.system.errors import NeurotransferError
from neurotransfer.system.size import Size
from neurotransfer.transfer.sizes import result_size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Watch = Callable[[Event], None]

_SECONDS_BETWEEN_STEPS = 30.0


class Pace:
    """How long the rest of a batch will take: measured seconds a megapixel, for the megapixels that are left."""

    def __init__(self, tasks: Sequence[Task], seats: int) -> None:
        self._seats, self._left = seats, {task.number: 1.0 for task in tasks}
        self._seconds = self._megapixels = 0.0
        threading.Thread(target=self._look, args=(tuple(tasks),), daemon=True).start()

    def done(self, event: Event) -> None:
        """Take note of a task that is done."""
        megapixels = self._left.pop(event["job"] - 1, 0.0)
        if event["status"] == "painted":
            self._seconds += event["seconds"]
            self._megapixels += megapixels

    def seconds_left(self) -> float | None:
        """Return how long the rest will take; None as long as nothing was painted."""
        if not self._megapixels:
            return None
        return (
            self._seconds / self._megapixels * sum(list(self._left.values())) / min(self._seats, len(self._left) or 1)
        )

    def _look(self, tasks: Sequence[Task]) -> None:
        """Find out how large the results will be; meanwhile, all count alike."""
        for task in tasks:
            try:
                photo = Size(*peek_size(task.job.inputs.content.path, task.job.max_pixels))
                megapixels = result_size(photo, task.job.settings).pixels / 1e6
            except NeurotransferError:
                megapixels = 0.0
            if task.number in self._left:
                self._left[task.number] = megapixels


class Counter:
    """Counts what was done, for lines such as ``3 of 10``."""

    def __init__(self, tasks: Sequence[Task], rows: Sequence[Row], seats: int) -> None:
        self.total, self.failed = len(rows), 0
        self.done = len(rows) - len(tasks)
        self.pace = Pace(tasks, seats)

    def note(self, event: Event) -> None:
        """Count a task that is done."""
        self.pace.done(event)
        self.done += 1
        self.failed += event["status"] == "failed"

    def left(self) -> str:
        """Return the time left in words, with a comma before it; nothing if it is not known."""
        seconds = self.pace.seconds_left()
        return "" if not seconds else f", about {clock(seconds)} left"


@contextmanager
def batch_progress(
    tasks: Sequence[Task], rows: Sequence[Row], seats: int, mode: str, *, verbose: bool
) -> Iterator[Watch]:
    """Yield what shows each event of a batch with these ``rows``, of which ``tasks`` are to be done."""
    level = logging.DEBUG if verbose else logging.WARNING
    if mode == "json":
        yield print_event
    elif mode == "none":
        yield lambda event: _show_message(event, tasks, logging.ERROR)
    elif is_bar(mode):
        with _bars(Counter(tasks, rows, seats), tasks, level) as watch:
            yield watch
    else:
        yield _lines(Counter(tasks, rows, seats), tasks, level)


def _show_message(event: Event, tasks: Sequence[Task], level: int) -> None:
    if event["event"] == "message" and event["level"] >= level:
        echo_line(_message(event, tasks), err=True)


def _message(event: Event, tasks: Sequence[Task]) -> str:
    names = {task.number + 1: task.row.content for task in tasks if task.number + 1 == event["job"]}
    return f"{names.get(event['job'], 'A worker')}: {event['text']}"


def _lines(counter: Counter, tasks: Sequence[Task], level: int) -> Watch:
    timers: dict[int, LineTimer] = {}

    def watch(event: Event) -> None:
        _show_message(event, tasks, level)
        if event["event"] == "start":
            timers[event["job"]] = LineTimer(_SECONDS_BETWEEN_STEPS)
        elif event["event"] == "step" and event["job"] in timers:
            if timers[event["job"]].is_due(always=False):
                left = "" if event["seconds_left"] is None else f", about {clock(event['seconds_left'])} left"
                echo_line(f"job {event['job']}: step {event['step']}/{event['steps']}{left}", err=True)
        elif event["event"] == "done":
            counter.note(event)
            timers.pop(event["job"], None)
            echo_line(f"{counter.done} of {counter.total}  {outcome(event)}{counter.left()}", err=True)

    return watch


def outcome(event: Event) -> str:
    """Return what became of a task as a line."""
    what = f"{event['output']}: {event['status']}"
    if event["status"] == "painted":
        return f"{what} in {event['seconds']:.0f} s"
    return f"{what}: {event['reason']}"


@contextmanager
def _bars(counter: Counter, tasks: Sequence[Task], level: int) -> Iterator[Watch]:
    """Yield a watch that draws one bar for the batch, and one for each picture that is being painted."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    begun = time.monotonic()
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        overall = bars.add_task("pictures", total=counter.total, completed=counter.done, note="")
        running: dict[int, TaskID] = {}

        def watch(event: Event) -> None:
            if event["event"] == "message" and event["level"] >= level:
                bars.console.print(one_line(_message(event, tasks)), markup=False, highlight=False)
            elif event["event"] == "start":
                running[event["job"]] = bars.add_task(one_line(event["output"]), total=event["steps"], note="")
            elif event["event"] == "step" and event["job"] in running:
                left = event["seconds_left"]
                note = "" if left is None else f"about {clock(left)} left"
                bars.update(running[event["job"]], completed=event["step"], note=note)
            elif event["event"] == "done":
                counter.note(event)
                _finish(bars, running.pop(event["job"], None), event)
                failed = f", {counter.failed} failed" if counter.failed else ""
                note = f"{clock(time.monotonic() - begun)} elapsed{counter.left()}{failed}"
                bars.update(overall, completed=counter.done, note=note)

        yield watch


def _finish(bars: "Progress", bar: "TaskID | None", event: Event) -> None:
    if bar is not None:
        bars.remove_task(bar)
    if event["status"] != "painted":
        bars.console.print(one_line(outcome(event)), markup=False, highlight=False)
