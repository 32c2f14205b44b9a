"""Progress of a run or a download: a bar on a terminal, else a plain line every few seconds."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from neurotransfer.transfer.stylize import Step

SECONDS_BETWEEN_LINES = 5.0
BAR_COLUMNS = 44  # the bar itself and the position


Show = TypeVar("Show", bound=Callable[..., None])


def progress(total: int, *, quiet: bool) -> AbstractContextManager[Callable[["Step"], None]]:
    """Return a context of a callable that shows each step of ``total``; ``quiet`` shows nothing."""
    return _bar_or_lines(lambda: _step_bar(total), lambda: _step_lines(total), quiet=quiet)


def download_progress(*, quiet: bool) -> AbstractContextManager[Callable[[int, int], None]]:
    """Return a context of a callable that shows (bytes received, bytes in all); ``quiet`` shows nothing.

    Bytes in all are 0 where the server does not say how many there are.
    """
    return _bar_or_lines(_download_bar, _download_lines, quiet=quiet)


@contextmanager
def _bar_or_lines(
    bar: Callable[[], AbstractContextManager[Show]], lines: Callable[[], Show], *, quiet: bool
) -> Iterator[Show]:
    """Yield what shows progress on standard error: the bar on a terminal, else the lines, or nothing."""
    if quiet:
        yield cast(Show, lambda *_: None)
    elif sys.stderr.isatty():
        with bar() as show:
            yield show
    else:
        yield lines()


class _LineTimer:
    """Decides when the next line is due."""

    def __init__(self) -> None:
        self._printed = time.monotonic()

    def is_due(self, *, always: bool) -> bool:
        """Return whether to print now: after `SECONDS_BETWEEN_LINES`, or ``always``."""
        now = time.monotonic()
        if not always and now - self._printed < SECONDS_BETWEEN_LINES:
            return False
        self._printed = now
        return True


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
        left = "" if step.seconds_left is None else f"about {_clock(step.seconds_left)} left  "
        text = f"{_clock(time.monotonic() - begun)} elapsed  {left}{_losses(step)}"
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
    timer = _LineTimer()

    def show(step: "Step") -> None:
        nonlocal begun
        if step.index == 0:
            begun = time.monotonic()  # loading TensorFlow, before the first step, is no part of a step's time
        if timer.is_due(always=step.index == 0 or step.index >= total):
            elapsed = _clock(time.monotonic() - begun)
            left = "" if step.seconds_left is None else f", about {_clock(step.seconds_left)} left"
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
    timer = _LineTimer()

    def show(received: int, total: int) -> None:
        if timer.is_due(always=received == total):
            click.echo(f"{received / 1e6:.0f} MB{f' of {total / 1e6:.0f} MB' if total else ''}", err=True)

    return show


def _losses(step: "Step") -> str:
    terms = step.losses.items()
    shown = " ".join(f"{name} {value:.3g}" for name, value in terms if value or name in ("content", "style"))
    return f"loss {step.losses.total:.3g} ({shown})"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
