"""A thread that computes one thing at a time, so that a signal is answered while it does: TensorFlow answers none."""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Self, TypeVar

from neurotransfer.system.signals import StopRequest

Result = TypeVar("Result")

_PATIENCE = 1.5
"""Seconds after a signal in which work may still end: most steps are shorter, and none of them is lost."""
_GLANCE = 0.2
"""Seconds between two looks at whether a signal has come."""
_STACK = 64 << 20
"""Bytes of the thread's stack: that of a main thread is 8 MiB or more, others' are less on some systems."""


class LeftWorkError(Exception):
    """A signal came, and the work was left to itself."""


class Worker:
    """Calls functions in its thread, one at a time. The process ends without waiting for one that is left."""

    def __init__(self, stop: StopRequest) -> None:
        self._stop = stop
        self._tasks: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        before = threading.stack_size(_STACK)
        try:
            threading.Thread(target=self._work, daemon=True, name="work").start()
        finally:
            threading.stack_size(before)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tasks.put(None)

    def call(self, function: Callable[[], Result]) -> Result:
        """Return what ``function`` returns, or raise what it raises.

        Raises:
            LeftWorkError: a signal came, and it did not return within `_PATIENCE`.
        """
        self._tasks.put(function)
        end = float("inf")
        while True:
            try:
                result, error = self._results.get(timeout=_GLANCE)
            except Empty:
                end = min(end, time.monotonic() + _PATIENCE) if self._stop.number else end
                if time.monotonic() < end:
                    continue
                _exit_without_waiting(128 + self._stop.number)
                raise LeftWorkError from None
            except KeyboardInterrupt:  # the second signal
                _exit_without_waiting(128 + self._stop.number)
                raise
            try:
                if error is not None:
                    raise error
                return result  # type: ignore[no-any-return]
            finally:
                del result, error  # with its traceback it would make a circle, which holds arrays

    def _work(self) -> None:
        while (function := self._tasks.get()) is not None:
            try:
                self._results.put((function(), None))
            except BaseException as error:  # whatever it is, the caller must know
                self._results.put((None, error))
            del function  # it may hold arrays


def _exit_without_waiting(code: int) -> None:
    """Let the process end with ``code`` when it ends: to tear down a library that computes would crash."""

    def end() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)

    atexit.register(end)
