"""The loop that hands tasks out: order, deaths, ends, and that a crew is kept busy. Painters here only wait."""

import heapq
import threading
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import pytest

from neurotransfer.batch.batch import Batch
from neurotransfer.batch.crew import Inbox, shared_cores
from neurotransfer.batch.records import Row, Summary, counts
from neurotransfer.batch.tasks import Task
from neurotransfer.runs.job import Job
from neurotransfer.system.signals import StopRequest


def tasks_of(folder: Path, count: int) -> list[Task]:
    rows = [Row(f"{number}.jpg", "s.jpg", f"{number}.png") for number in range(count)]
    return [Task(row_number, Job(), folder, row) for row_number, row in enumerate(rows)]


class FakeCrew:
    """Ends a task as soon as it is handed out: ``ends`` says how, by number; nothing said: painted."""

    def __init__(self, seats, inbox, ends=None, retries=1):
        self.seats, self.retries, self._inbox = seats, retries, inbox
        self.ends = ends or {}
        self.log, self.renewed, self.closed = [], [], None
        self.hold: list[tuple[Future, Task]] = []
        self.holding = False

    def submit(self, seat, task, ahead):
        self.log.append((seat, task.number, ahead and ahead.number))
        future: Future[Row] = Future()
        end = self.ends.get(task.number, "painted")
        end = end.pop(0) if isinstance(end, list) else end
        if self.holding:
            self.hold.append((future, task))
        elif isinstance(end, Exception):
            future.set_exception(end)
        else:
            future.set_result(replace(task.row, status=end))
        return future

    def renew(self, seat):
        self.renewed.append(seat)

    def stop(self):
        for future, task in self.hold:
            future.set_result(replace(task.row, status="interrupted"))

    def close(self, *, at_once):
        self.closed = at_once


def painted(folder, count, *, seats=2, ends=None, stop=None, holding=False, **options):
    tasks, inbox = tasks_of(folder, count), Inbox()
    crew, summary, events = FakeCrew(seats, inbox, ends), Summary(folder, [task.row for task in tasks]), []
    crew.holding = holding
    Batch(tasks, crew, inbox, summary, events.append, **options).run(stop or StopRequest())
    return crew, summary.rows, events


def test_every_task_is_handed_out_once_and_has_its_row(tmp_path):
    crew, rows, events = painted(tmp_path, 7, seats=3)
    assert sorted(number for _, number, _ in crew.log) == list(range(7))
    assert counts(rows) == {"painted": 7}
    assert [event["event"] for event in events] == ["done"] * 7
    assert crew.closed is False


def test_a_seat_gets_what_it_was_told_to_expect(tmp_path):
    crew, _, _ = painted(tmp_path, 9, seats=3)
    expected = {}
    kept = broken = 0
    for seat, number, ahead in crew.log:
        if seat in expected and expected[seat] is not None:
            kept += number == expected[seat]
            broken += number != expected[seat]
        expected[seat] = ahead
    assert kept >= 5
    assert broken <= 1  # at the end, a seat takes what another one expects


def test_a_worker_that_dies_costs_its_task_one_retry(tmp_path):
    died = BrokenProcessPool("killed")
    crew, rows, _ = painted(tmp_path, 4, seats=1, ends={1: [died, "painted"], 2: [died, died]})
    assert [row.status for row in rows] == ["painted", "painted", "failed", "painted"]
    assert "died twice" in rows[2].reason
    assert len(crew.renewed) == 3


def test_a_mistake_in_the_program_is_a_row(tmp_path):
    _, rows, _ = painted(tmp_path, 3, ends={1: ValueError("odd\nmore")})
    assert [row.status for row in rows] == ["painted", "failed", "painted"]
    assert rows[1].reason == "ValueError: odd"


def test_fail_fast_ends_at_the_first_failure(tmp_path):
    for fail_fast, waiting in ((True, True), (False, False)):
        _, rows, _ = painted(tmp_path, 9, seats=1, ends={2: "failed"}, fail_fast=fail_fast)
        assert ("waiting" in counts(rows)) == waiting


def test_a_signal_has_what_is_half_done_saved_and_hands_nothing_out(tmp_path):
    stop = StopRequest()
    threading.Timer(0.3, lambda: setattr(stop, "number", 2)).start()
    crew, rows, _ = painted(tmp_path, 5, seats=2, stop=stop, holding=True)
    assert counts(rows) == {"interrupted": 2, "waiting": 3}
    assert crew.closed is False


def test_a_second_signal_ends_the_workers_at_once_and_loses_no_row(tmp_path):
    tasks, inbox = tasks_of(tmp_path, 3), Inbox()
    crew, summary = FakeCrew(1, inbox), Summary(tmp_path, [task.row for task in tasks])

    def watch(event):
        if event["job"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Batch(tasks, crew, inbox, summary, watch).run(StopRequest())
    assert crew.closed is True
    assert '"painted": 2' in (tmp_path / "batch.json").read_text()


class SlowCrew(FakeCrew):
    """Sixty-four painters, each of whom takes some seconds of a clock of its own."""

    def __init__(self, seats, inbox, seconds):
        super().__init__(seats, inbox)
        self._seconds, self.busy, self.clock = seconds, 0.0, 0.0
        self._queue: list[tuple[float, int, Future, Task]] = []

    def submit(self, seat, task, ahead):
        future: Future[Row] = Future()
        took = self._seconds(task.number)
        self.busy += took
        heapq.heappush(self._queue, (self.clock + took, task.number, future, task))
        return future

    def next(self):
        self.clock, _, future, task = heapq.heappop(self._queue)
        future.set_result(replace(task.row, status="painted"))


class ClockInbox:
    """An inbox that lets the clock run on when nothing is in it."""

    def __init__(self):
        self.items, self.crew = [], None

    def put(self, item):
        self.items.append(item)

    def get(self, timeout):
        while not self.items:
            self.crew.next()
        return self.items.pop(0)


def test_ten_thousand_tasks_keep_sixty_four_workers_busy(tmp_path):
    tasks, inbox = tasks_of(tmp_path, 10_000), ClockInbox()
    crew = inbox.crew = SlowCrew(64, inbox, lambda number: 10.0 + number % 7)
    summary = Summary(tmp_path, [task.row for task in tasks])
    begun = time.monotonic()
    Batch(tasks, crew, inbox, summary, lambda event: None).run(StopRequest())
    assert counts(summary.rows) == {"painted": 10_000}
    assert crew.busy / (64 * crew.clock) > 0.95
    assert time.monotonic() - begun < 60


def test_cores_are_shared_out():
    assert shared_cores(1) == [frozenset()]
    shares = shared_cores(2)
    assert not shares[0] & shares[1]
