"""Progress of a run or a download: a bar on a terminal, else a plain line every few seconds."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from neurotransfer.system.errors import NeurotransferError, RunInterruptedError

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from neurotransfer.runs.job import Prepared
    from neurotransfer.transfer.stylize import Step

SECONDS_BETWEEN_LINES = 5.0
BAR_COLUMNS = 44  # the bar itself and the position


Show = TypeVar("Show", bound=Callable[..., None])


def step_progress(prepared: "Prepared", mode: str) -> AbstractContextManager[Callable[["Step"], None]]:
    """Return a context of a callable that shows each step of a run; ``mode`` is one of `PROGRESS`."""
    total = prepared.steps
    if mode == "json":
        return _step_events(prepared)
    return _bar_or_lines(lambda: _step_bar(total), lambda: _step_lines(total), mode)


def print_event(event: Mapping[str, Any]) -> None:
    """Print an event as one line of JSON on standard error."""
    click.echo(json.dumps(event), err=True)


def download_progress(*, quiet: bool) -> AbstractContextManager[Callable[[int, int], None]]:
    """Return a context of a callable that shows (bytes received, bytes in all); ``quiet`` shows nothing.

    Bytes in all are 0 where the server does not say how many there are.
    """
    return _bar_or_lines(_download_bar, _download_lines, "none" if quiet else "auto")


@contextmanager
def _bar_or_lines(
    bar: Callable[[], AbstractContextManager[Show]], lines: Callable[[], Show], mode: str
) -> Iterator[Show]:
    """Yield what shows progress on standard error: the bar or the lines; ``auto`` is the bar on a terminal."""
    if mode == "none":
        yield cast(Show, lambda *_: None)
    elif is_bar(mode):
        with bar() as show:
            yield show
    else:
        yield lines()


def is_bar(mode: str) -> bool:
    """Return whether progress is shown by a bar."""
    return mode == "bar" or (mode == "auto" and sys.stderr.isatty())


class LineTimer:
    """Decides when the next line is due."""

    def __init__(self, seconds: float = SECONDS_BETWEEN_LINES) -> None:
        self._printed, self._seconds = time.monotonic(), seconds

    def is_due(self, *, always: bool) -> bool:
        """Return whether to print now: after some seconds, or ``always``."""
        now = time.monotonic()
        if not always and now - self._printed < self._seconds:
            return False
        self._printed = now
        return True


@contextmanager
def _step_events(prepared: "Prepared") -> Iterator[Callable[["Step"], None]]:
    """Yield what prints each step as an event; print others when the run begins and ends."""
    begun = time.monotonic()
    inputs, output = prepared.job.inputs, str(prepared.paths.final)

    def tell(kind: str, **values: Any) -> None:
        print_event({"event": kind, "job": 1, **values})

    def show(step: "Step") -> None:
        left = step.seconds_left
        tell("step", step=step.index, steps=prepared.steps, loss=step.losses.total, seconds_left=left)

    files = {"content": str(inputs.content.path), "style": str(inputs.styles[0].path), "output": output}
    tell("start", **files, size=prepared.plan.size, steps=prepared.steps)
    try:
        yield show
    except NeurotransferError as error:
        status = "interrupted" if isinstance(error, RunInterruptedError) else "failed"
        tell("done", **files, status=status, reason=str(error), seconds=round(time.monotonic() - begun, 3))
        raise
    tell("done", **files, status="painted", reason="", seconds=round(time.monotonic() - begun, 3))


@contextmanager
def _step_bar(total: int) -> Iterator[Callable[["Step"], None]]:
    with ExitStack() as stack:
        bar: ProgressBar[Step] | None = None

        def show(step: "Step") -> None:
            nonlocal bar
            if bar is None:  # not earlier: loading TensorFlow is no part of a step's time
                bar = stack.enter_context(_click_step_bar(total))
            bar.update(step.index - bar.pos, step)

        yield show


def _click_step_bar(total: int) -> "ProgressBar[Step]":
    begun = time.monotonic()

    def describe(step: "Step | None") -> str:
        if step is None:
            return ""
        left = "" if step.seconds_left is None else f"about {clock(step.seconds_left)} left  "
        text = f"{clock(time.monotonic() - begun)} elapsed  {left}{_losses(step)}"
        return text[: max(0, shutil.get_terminal_size().columns - BAR_COLUMNS)]

    return click.progressbar(
        length=total,
        show_pos=True,
        show_percent=False,
        show_eta=False,
        width=20,
        item_show_func=describe,
        file=sys.stderr,
    )


def _step_lines(total: int) -> Callable[["Step"], None]:
    begun = time.monotonic()
    timer = LineTimer()

    def show(step: "Step") -> None:
        nonlocal begun
        if step.index == 0:
            begun = time.monotonic()  # loading TensorFlow, before the first step, is no part of a step's time
        if timer.is_due(always=step.index == 0 or step.index >= total):
            elapsed = clock(time.monotonic() - begun)
            left = "" if step.seconds_left is None else f", about {clock(step.seconds_left)} left"
            click.echo(f"step {step.index}/{total}  {_losses(step)}  {elapsed} elapsed{left}", err=True)

    return show


@contextmanager
def _download_bar() -> Iterator[Callable[[int, int], None]]:
    with click.progressbar(length=1, file=sys.stderr, label="Fetching") as bar:

        def show(received: int, total: int) -> None:
            bar.length = max(total, received)
            bar.update(received - bar.pos)

        yield show


def _download_lines() -> Callable[[int, int], None]:
    timer = LineTimer()

    def show(received: int, total: int) -> None:
        if timer.is_due(always=received == total):
            click.echo(f"{received / 1e6:.0f} MB{f' of {total / 1e6:.0f} MB' if total else ''}", err=True)

    return show


def _losses(step: "Step") -> str:
    terms = step.losses.items()
    shown = " ".join(f"{name} {value:.3g}" for name, value in terms if value or name in ("content", "style"))
    return f"loss {step.losses.total:.3g} ({shown})"


def clock(seconds: float) -> str:
    """Return a time as 1:05 or 2:00:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
