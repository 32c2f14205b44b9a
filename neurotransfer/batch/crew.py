"""Worker processes on this machine: each an executor of its own, since a killed worker breaks the one that it is in."""

import ctypes
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, Protocol

from neurotransfer.batch.painter import AHEAD, Event, painter
from neurotransfer.batch.records import Row
from neurotransfer.batch.tasks import Task
from neurotransfer.system.cpu import cores
from neurotransfer.system.memory import allowance

_ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}
"""Has all threads allocate from one heap. With one for each, as glibc has it, what one gives back is of no use to the
next: threads come and go with every picture, and after sixty the process would be a quarter larger."""

_MEMORY_EACH = 2e9
"""Bytes that a worker has at least by default; a picture of 512 pixels takes half of it."""

Inbox = SimpleQueue[Any]
"""Where a crew puts what is told by its workers."""


class Crew(Protocol):
    """Who paints: seats, each with one task at a time."""

    seats: int
    retries: int
    """How often a task is given out again whose worker died."""

    def submit(self, seat: int, task: Task, ahead: Task | None) -> "Future[Row]":
        """Hand out a task, and the one that will probably follow in the same seat."""

    def renew(self, seat: int) -> None:
        """Put a new worker in the place of one that died."""

    def stop(self) -> None:
        """Ask every worker to save its picture and state, and to end its task."""

    def close(self, *, at_once: bool) -> None:
        """Send the workers home; ``at_once``: without waiting for their tasks."""


class LocalCrew:
    """Worker processes on this machine, started when they get their first task. The cores are shared out.

    Nothing that has a lock is shared by two processes: one that is killed would keep it for good.
    """

    retries = 1

    def __init__(self, seats: int, inbox: Inbox) -> None:
        self.seats = seats
        self._inbox = inbox
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.RawValue(ctypes.c_bool, False)
        self._executors: dict[int, ProcessPoolExecutor] = {}

    def submit(self, seat: int, task: Task, ahead: Task | None) -> "Future[Row]":
        """Hand out a task, and the one that will probably follow in the same seat."""
        if seat in self._executors:
            return self._executors[seat].submit(_paint, task, ahead)
        receiver, sender = self._context.Pipe(duplex=False)
        share, level = shared_cores(self.seats)[seat], logging.getLogger("neurotransfer").level
        settings = sender, self._stop, share, level
        executor = self._executors[seat] = ProcessPoolExecutor(1, self._context, _begin, settings)
        with _surroundings():
            future = executor.submit(_paint, task, ahead)
        sender.close()  # so that the receiver sees the end when the process ends
        threading.Thread(target=self._pass_on, args=(receiver,), daemon=True).start()
        return future

    def renew(self, seat: int) -> None:
        """Put a new worker in the place of one that died."""
        self._executors.pop(seat).shutdown(wait=False)

    def stop(self) -> None:
        """Ask every worker to save its picture and state, and to end its task."""
        self._stop.value = True

    def close(self, *, at_once: bool) -> None:
        """Send the workers home; ``at_once``: without waiting for their tasks."""
        for executor in self._executors.values():
            if at_once:
                for process in list((executor._processes or {}).values()):  # Python 3.14 has kill_workers()
                    process.kill()
            executor.shutdown(wait=True, cancel_futures=True)

    def _pass_on(self, receiver: Any) -> None:
        with suppress(EOFError, OSError):  # the worker has ended
            while True:
                self._inbox.put(receiver.recv())


def shared_cores(seats: int) -> list[frozenset[int]]:
    """Return the cores of each seat; no cores where the system does not bind processes to them, or for one seat."""
    if seats == 1 or not hasattr(os, "sched_getaffinity"):
        return [frozenset()] * seats
    found = sorted(os.sched_getaffinity(0))
    if seats > len(found):
        return [frozenset()] * seats
    return [frozenset(found[seat::seats]) for seat in range(seats)]


@contextmanager
def _surroundings() -> Iterator[None]:
    """What a new process begins with: no Ctrl-C, which it takes a second to refuse by itself, and one heap."""
    added = {name: value for name, value in _ONE_HEAP.items() if name not in os.environ}
    in_main = threading.current_thread() is threading.main_thread()
    former = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
        if in_main:
            signal.signal(signal.SIGINT, former)


class _PipeLink:
    def __init__(self, sender: Any, stop: Any) -> None:
        self._sender, self._stop = sender, stop
        self._lock = threading.Lock()  # of threads in this process

    def tell(self, event: Event) -> None:
        with self._lock, suppress(OSError):  # the parent has ended, and so will this process
            self._sender.send(event)

    def stopped(self) -> bool:
        return bool(self._stop.value)


class _Messages(logging.Handler):
    """Passes messages on as events, with the number of the task that they belong to."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        super().__init__()
        self._tell = tell
        self.job = 0

    def emit(self, record: logging.LogRecord) -> None:
        name = threading.current_thread().name
        job = int(name.removeprefix(AHEAD)) if name.startswith(AHEAD) else self.job
        self._tell({"event": "message", "job": job, "level": record.levelno, "text": record.getMessage()})


_link: _PipeLink
_messages: _Messages


def _begin(sender: Any, stop: Any, share: frozenset[int], level: int) -> None:
    """Set a worker process up; its state is the process's own."""
    global _link, _messages
    for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
        signal.signal(number, signal.SIG_IGN)  # the terminal sends them to all processes: the parent says what to do
    _die_with_the_parent()
    if share:
        os.sched_setaffinity(0, share)
    _link = _PipeLink(sender, stop)
    _messages = _Messages(_link.tell)
    log = logging.getLogger("neurotransfer")
    log.addHandler(_messages)
    log.setLevel(level)
    log.propagate = False


def _die_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _paint(task: Task, ahead: Task | None) -> Row:
    _messages.job = task.number + 1
    return painter().paint(task, ahead, _link)


def default_seats() -> int:
    """Return how many workers paint at once by default: one for each core, where the memory allows.

    On a core of its own, a picture of 256 pixels takes 1.4 times as long as on two, one of 512 pixels 1.7 times.
    """
    return max(1, min(cores(), int(allowance() / _MEMORY_EACH)))
