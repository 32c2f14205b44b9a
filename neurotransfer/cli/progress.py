"""What the user sees while a run goes on: a bar on a terminal, else a plain line every few seconds."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from neurotransfer.transfer.stylize import Step

SECONDS_BETWEEN_LINES = 5.0
BAR_COLUMNS = 44  # the bar itself and the position


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[Callable[["Step"], None]]:
    """Yield a callable that shows each step of ``total`` on standard error; ``quiet`` shows nothing."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(total) as show:
            yield show
    else:
        yield _lines(total)


@contextmanager
def _bar(total: int) -> Iterator[Callable[["Step"], None]]:
    with ExitStack() as stack:
        bar: ProgressBar[Step] | None = None

        def show(step: "Step") -> None:
            nonlocal bar
            if bar is None:  # not earlier: loading TensorFlow tells nothing of a step's time
                bar = stack.enter_context(_click_bar(total))
            bar.update(step.index - bar.pos, step)

        yield show


def _click_bar(total: int) -> "ProgressBar[Step]":
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


def _lines(total: int) -> Callable[["Step"], None]:
    begun = printed = time.monotonic()

    def show(step: "Step") -> None:
        nonlocal begun, printed
        now = time.monotonic()
        if step.index == 0:
            begun = now  # what came before, loading TensorFlow, tells nothing of a step's time
        elif now - printed < SECONDS_BETWEEN_LINES and step.index < total:
            return
        printed = now
        left = "" if step.seconds_left is None else f", about {_clock(step.seconds_left)} left"
        click.echo(f"step {step.index}/{total}  {_losses(step)}  {_clock(now - begun)} elapsed{left}", err=True)

    return show


def _losses(step: "Step") -> str:
    terms = step.losses._asdict().items()
    shown = " ".join(f"{name} {value:.3g}" for name, value in terms if value or name in ("content", "style"))
    return f"loss {step.losses.total:.3g} ({shown})"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
