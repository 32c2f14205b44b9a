"""Ctrl-C, SIGTERM and SIGHUP: a run notes them and reads the note between two steps, so that no file is cut short."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@dataclass
class StopRequest:
    """The signal that arrived first, 0 for none yet; while ``saving``, a second one is ignored."""

    number: int = 0
    saving: bool = False


@contextmanager
def deferred_signals() -> Iterator[StopRequest]:
    """Yield a `StopRequest` that notes SIGINT, SIGTERM and SIGHUP, except those that are ignored, as under nohup.

    A second one raises KeyboardInterrupt, unless files are being saved.

    Outside the main thread, where Python allows no handlers, nothing is noted.
    """
    stop = StopRequest()

    def note(number: int, _: FrameType | None) -> None:
        if stop.number and not stop.saving:
            raise KeyboardInterrupt
        stop.number = stop.number or number

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    with _handled(_SIGNALS, note):
        yield stop


@contextmanager
def raising_signals() -> Iterator[None]:
    """Have Ctrl-C and SIGTERM raise KeyboardInterrupt and SystemExit, unless they are ignored.

    Before and after, they end the process at once: see ``__main__``.
    """

    def stop(number: int, _: FrameType | None) -> NoReturn:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    with _handled([signal.SIGINT, signal.SIGTERM], stop):
        yield


@contextmanager
def _handled(numbers: list[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call ``handler`` for those signals that are not ignored; afterwards restore the earlier handlers."""
    previous = {
        number: signal.signal(number, handler) for number in numbers if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, former in previous.items():
            signal.signal(number, former)
