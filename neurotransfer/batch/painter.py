"""What a worker does with its tasks: paints one, and meanwhile opens the pictures of the next.

It knows neither who hands them out nor on which machine; it tells of its steps, and asks between two of them whether to
stop.
"""

import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from neurotransfer.batch.records import Records, Row, place
from neurotransfer.batch.tasks import Task, key_of, snapshots_of
from neurotransfer.runs.job import Job, Prepared, PreviousRun, prepare
from neurotransfer.runs.resume import require_same_inputs
from neurotransfer.runs.run_folder import OutputPaths
from neurotransfer.runs.runner import run_job
from neurotransfer.runs.state import load_state
from neurotransfer.system.errors import InputError, NeurotransferError, RunInterruptedError
from neurotransfer.system.lock import FolderLock
from neurotransfer.system.signals import StopRequest
from neurotransfer.system.tensorflow import load_tensorflow
from neurotransfer.transfer.session import Session

if TYPE_CHECKING:
    from neurotransfer.transfer.stylize import Step

logger = logging.getLogger(__name__)

AHEAD = "ahead"
"""Begin of the names of threads that open the pictures of a task; its number follows."""
_GLANCE = 0.2
"""Seconds between two looks at whether to stop."""

Event = Mapping[str, Any]
"""Plain values: ``event`` is start, step or done, ``job`` the number of the task from 1."""


class Link(Protocol):
    """What connects a worker with whom it works for."""

    def tell(self, event: Event) -> None:
        """Pass an event on."""

    def stopped(self) -> bool:
        """Return whether the batch is to end: the picture so far and its state are saved."""


class Painter:
    """Paints tasks one after the other; keeps the network, the graphs and the targets of styles."""

    def __init__(self, setup: Callable[[], None] = load_tensorflow) -> None:
        """``setup`` is called before the first picture is painted."""
        self._setup = setup
        self._session: Session | None = None
        self._ahead: _Ahead | None = None

    def paint(self, task: Task, ahead: Task | None, link: Link) -> Row:
        """Paint a task and return what became of it; open the pictures of the one ``ahead`` meanwhile.

        Whatever is wrong with the task is in the row.
        """
        begun = time.monotonic()
        try:
            self._session = self._session or Session(task.job.weights)
            prepared = claim(task, replace(self._prepared(task, self._session), begun=begun))
            self._ahead = _Ahead(ahead, self._session) if ahead else None
            return self._paint(task, prepared, link)
        except RunInterruptedError as error:
            return replace(task.row, status="interrupted", reason=str(error))
        except NeurotransferError as error:
            return replace(task.row, status="failed", reason=str(error), seconds=round(time.monotonic() - begun, 3))

    def _prepared(self, task: Task, session: Session) -> Prepared:
        ahead, self._ahead = self._ahead, None
        found = ahead.take(task) if ahead else None
        return found or prepare_task(task, session)

    def _paint(self, task: Task, prepared: Prepared, link: Link) -> Row:
        records, number, stop = Records(task.folder), task.number + 1, StopRequest()
        told = {"job": number, "content": task.row.content, "style": task.row.style, "output": task.row.output}
        link.tell({"event": "start", **told, "size": prepared.plan.size, "steps": prepared.steps})

        def on_step(step: "Step") -> None:
            loss, left = step.losses.total, step.seconds_left
            told = {"event": "step", "job": number, "step": step.index, "steps": prepared.steps, "loss": loss}
            link.tell({**told, "seconds_left": left})

        with _noted(link, stop):
            result = run_job(prepared, on_step, setup=self._setup, stop=stop)
        *_, last = result.run_log["losses"]
        row = replace(
            task.row,
            status="painted",
            seconds=result.run_log["seconds"],
            width=prepared.plan.size.width,
            height=prepared.plan.size.height,
            losses={name: value for name, value in last.items() if name not in ("step", "seconds")},
            key=key_of(task.job, prepared.info.inputs, prepared.info.weights.sha256),
        )
        # A result is known to be finished if there are both its record and its file; either may be cut off by a kill.
        if task.job.overwrite:
            records.forget(task.row.output)
            place(result.picture, task.output, overwrite=True)
            records.write(row)
        else:
            records.write(row)
            place(result.picture, task.output, overwrite=False)
        shutil.rmtree(records.work_folder(task.row.output), ignore_errors=True)
        return row


@contextmanager
def _noted(link: Link, stop: StopRequest) -> Iterator[None]:
    """Note in ``stop`` when the batch is to end, as a signal would: a step may take a minute."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_GLANCE):
            if link.stopped():
                stop.number = signal.SIGINT
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


class _Ahead:
    """A task whose pictures are opened in a thread."""

    def __init__(self, task: Task, session: Session) -> None:
        self._task = task
        self._found: Prepared | None = None
        name = f"{AHEAD} {task.number + 1}"
        self._thread = threading.Thread(target=self._prepare, args=(session,), name=name, daemon=True)
        self._thread.start()

    def take(self, task: Task) -> Prepared | None:
        """Return the task prepared, if it is this one and nothing was wrong with it."""
        self._thread.join()
        return self._found if task == self._task else None

    def _prepare(self, session: Session) -> None:
        try:
            self._found = prepare_task(self._task, session)
        except Exception:  # it is said when its turn comes
            self._found = None


def prepare_task(task: Task, session: Session) -> Prepared:
    """Open and check everything that a task needs; continue what a batch left half done. Nothing is claimed yet.

    Raises:
        InputError: something cannot be used as given.
        NeurotransferError: the picture does not fit into the memory.
    """
    work = Records(task.folder).work_folder(task.row.output)
    paths = OutputPaths(
        final=work / f"final{task.output.suffix}",
        snapshots=snapshots_of(task),
        snapshot_every=task.job.options.snapshot_every or 0,
        log=work / "run.json",
        overwrite=True,
    )
    return _resumed(task.job, work, session, paths) or prepare(task.job, session=session, claimed=paths)


def claim(task: Task, prepared: Prepared) -> Prepared:
    """Return a prepared task with its folder for its own, which another worker may have been told to expect, too.

    Raises:
        InputError: the folder cannot be made, or another process works in it.
    """
    paths = prepared.paths
    try:
        for folder in (paths.folder, paths.snapshots if paths.snapshot_every else None):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder of {task.output} cannot be made: {error.strerror}.") from None
    assert paths.folder is not None
    return replace(prepared, paths=replace(paths, lock=FolderLock(paths.folder)))


def _resumed(job: Job, work: Path, session: Session, paths: OutputPaths) -> Prepared | None:
    """Return the rest of a job from its state; None if there is no state of the same job."""
    try:
        state = load_state(work)
        previous = PreviousRun(state.info.plan, state.checkpoint, dict(state.record))
        prepared = prepare(job, session=session, claimed=paths, previous=previous)
        require_same_inputs(state.info, prepared.info)
    except NeurotransferError as error:
        logger.debug("%s is painted from the start: %s", job.output, error)
        return None
    return prepared if state.info.settings == prepared.info.settings and state.checkpoint else None


@cache
def painter() -> Painter:
    """Return the painter of this process: what it keeps is kept from task to task."""
    return Painter()
