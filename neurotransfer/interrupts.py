"""Ctrl-C, SIGTERM and SIGHUP as a note to be read between two steps: no file and no import is cut in half."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@dataclass
class Stop:
    """Which signal arrived first, 0 for none yet; while ``saving``, a second one is not heeded."""

    number: int = 0
    saving: bool = False


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """Yield a `Stop` that notes SIGINT, SIGTERM and SIGHUP, but for those that are ignored: nohup has its reasons.

    A second one raises KeyboardInterrupt, unless files are being saved.

    Outside the main thread, where Python allows no handlers, nothing is noted.
    """
    stop = Stop()

    def note(number: int, _: FrameType | None) -> None:
        if stop.number and not stop.saving:
            raise KeyboardInterrupt
        stop.number = stop.number or number

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {
        number: signal.signal(number, note) for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
