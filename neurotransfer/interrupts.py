"""Ctrl-C and SIGTERM as a note to be read between two steps, so that no file and no import is cut in half."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Yield a list that receives the number of the first SIGINT or SIGTERM; a second one interrupts at once.

    Outside the main thread, where Python allows no handlers, the list stays empty.
    """
    arrived: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if arrived:
            raise KeyboardInterrupt
        arrived.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield arrived
        return
    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield arrived
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
