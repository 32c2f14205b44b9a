"""The batch: tasks are handed out to a crew, what becomes of them is noted, and whatever ends it, nothing is lost."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from pathlib import Path
from queue import Empty

from neurotransfer.batch.crew import Crew, Inbox, LocalCrew
from neurotransfer.batch.painter import Event
from neurotransfer.batch.records import FOLDER, SUMMARIES, Row, Summary, require_ours
from neurotransfer.batch.tasks import Task
from neurotransfer.runs.job import Job
from neurotransfer.system.errors import InputError, reason_of
from neurotransfer.system.lock import FolderLock
from neurotransfer.system.memory import allowance
from neurotransfer.system.signals import StopRequest

logger = logging.getLogger(__name__)

_GLANCE = 0.2
"""Seconds between two looks at whether a signal has come."""
_DIED = "its worker died {times}: it was killed, or the memory ran out (--max-memory, --jobs)"


def share_of_memory(job: Job, seats: int) -> float:
    """Return the bytes that each of so many workers may hold."""
    return (job.max_memory or allowance()) / seats


def paint_all(
    tasks: Sequence[Task],
    rows: Sequence[Row],
    folder: Path,
    seats: int,
    watch: Callable[[Event], None],
    stop: StopRequest,
    *,
    fail_fast: bool = False,
) -> list[Row]:
    """Paint ``tasks`` and return ``rows``, which are those of the whole batch, with what became of them.

    Raises:
        InputError: the folder cannot be used, or another batch is at work in it.
        KeyboardInterrupt: a second signal came.
    """
    require_ours(folder, SUMMARIES)
    hidden = folder / FOLDER
    try:
        hidden.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {hidden} cannot be made ({error.strerror}); choose another --output.") from None
    lock, inbox, summary = FolderLock(hidden), Inbox(), Summary(folder, rows)
    try:
        if tasks:
            memory = share_of_memory(tasks[0].job, seats)
            tasks = [replace(task, job=replace(task.job, max_memory=memory)) for task in tasks]
        Batch(tasks, LocalCrew(seats, inbox), inbox, summary, watch, fail_fast=fail_fast).run(stop)
    finally:
        lock.release()
    return list(summary.rows)


class Batch:
    """One batch at work. `run` returns when every task has its row."""

    def __init__(
        self,
        tasks: Sequence[Task],
        crew: Crew,
        inbox: Inbox,
        summary: Summary,
        watch: Callable[[Event], None],
        *,
        fail_fast: bool = False,
    ) -> None:
        """``watch`` is called with every event; ``inbox`` is where the crew puts them."""
        self._waiting = deque(tasks)
        self._crew, self._inbox, self._summary, self._watch, self._fail_fast = crew, inbox, summary, watch, fail_fast
        self._reserved: dict[int, Task] = {}
        """The task that a seat was told to expect."""
        self._running: dict[int, Task] = {}
        self._deaths: dict[int, int] = {}

    def run(self, stop: StopRequest) -> None:
        """Paint until all is done, or ``stop`` has a number: then what is half done is saved.

        Raises:
            KeyboardInterrupt: a second signal came; the workers are ended at once.
        """
        at_once = True
        try:
            ending = False
            self._hand_out()
            while self._running:
                if stop.number and not ending:
                    ending = True
                    self._end()
                try:
                    event = self._inbox.get(timeout=_GLANCE)
                except Empty:
                    continue
                if isinstance(event, tuple):
                    self._take_back(*event)
                    self._hand_out()
                else:
                    self._watch(event)
            at_once = False
        finally:
            self._crew.close(at_once=at_once)
            self._summary.write()

    def _end(self) -> None:
        """Hand nothing out any more, and have what is being painted saved."""
        self._waiting.clear()
        self._reserved.clear()
        self._crew.stop()

    def _hand_out(self) -> None:
        for seat in range(self._crew.seats):
            if seat in self._running or not self._waiting:
                continue
            task = self._next_of(seat)
            self._waiting.remove(task)
            taken = {each.number for other, each in self._reserved.items() if other != seat}
            ahead = next((each for each in self._waiting if each.number not in taken), None)
            if ahead is None:
                self._reserved.pop(seat, None)
            else:
                self._reserved[seat] = ahead
            self._running[seat] = task
            future = self._crew.submit(seat, task, ahead)
            future.add_done_callback(lambda future, seat=seat: self._inbox.put((seat, future)))  # type: ignore[misc]

    def _next_of(self, seat: int) -> Task:
        """Return the task that a seat expects, else one that none expects, else any."""
        expected = self._reserved.pop(seat, None)
        if expected is not None and expected in self._waiting:
            return expected
        taken = {task.number for task in self._reserved.values()}
        return next((task for task in self._waiting if task.number not in taken), self._waiting[0])

    def _take_back(self, seat: int, future: "Future[Row]") -> None:
        task = self._running.pop(seat)
        try:
            row = future.result()
        except BrokenProcessPool:
            self._crew.renew(seat)
            died = self._deaths[task.number] = self._deaths.get(task.number, 0) + 1
            if died <= self._crew.retries:
                logger.warning("%s: its worker died, another one begins.", task.row.content)
                self._waiting.appendleft(task)
                return
            row = replace(task.row, status="failed", reason=_DIED.format(times="twice" if died == 2 else "at once"))
        except Exception as error:  # a mistake in the program must not cost the other pictures
            logger.debug("Where it failed:", exc_info=error)
            row = replace(task.row, status="failed", reason=f"{type(error).__name__}: {reason_of(error)}")
        self._summary.update(task.number, row)
        self._watch({"event": "done", "job": task.number + 1, **asdict(row)})
        if row.status == "failed" and self._fail_fast:
            self._end()
