"""The run of a prepared job: its steps recorded, its picture saved, whatever ends it."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurotransfer.runs.job import Prepared
from neurotransfer.runs.recorder import Recorder
from neurotransfer.runs.run_folder import release
from neurotransfer.system.errors import NeurotransferError, RunInterruptedError, reason_of
from neurotransfer.system.signals import StopRequest, deferred_signals
from neurotransfer.system.worker import LeftWorkError, Worker

if TYPE_CHECKING:
    from neurotransfer.transfer.stylize import Step, Stylization

logger = logging.getLogger(__name__)

OnStep = Callable[["Step"], None]


@dataclass(frozen=True)
class Result:
    """What a run left: the final picture's path and the run log."""

    picture: Path
    run_log: dict[str, Any]


def run_job(
    prepared: Prepared,
    on_step: OnStep | None = None,
    *,
    setup: Callable[[], None] | None = None,
    stop: StopRequest | None = None,
) -> Result:
    """Paint, record every step, and call ``on_step`` with each.

    ``setup`` is called before TensorFlow is imported, which takes seconds, during which a signal is kept. ``stop`` is
    where a request to end is noted; None: signals are noted. Whatever ends the run early, the picture of the last good
    step and the run log are saved first.

    Raises:
        RunInterruptedError: SIGINT, SIGTERM or SIGHUP arrived.
        NeurotransferError: a loss was not finite, memory ran out, a file could not be written, or something failed
            that never should.
    """
    try:
        with nullcontext(stop) if stop else deferred_signals() as stop:
            record = prepared.previous.record if prepared.previous else None
            photo, found = prepared.pictures.content, prepared.protection.to_json()
            recorder = Recorder(prepared.paths, prepared.info, photo, record, found)
            failure = _paint(prepared, recorder, on_step, setup, stop)
            stop.saving = True
            status = f"stopped: {failure}" if failure else "finished"
            picture = recorder.finish(status)
    finally:
        release(prepared.paths)
    if failure is not None:
        where = f"The picture so far is {picture}" if picture else "No picture was made"
        failure.args = (f"{failure} {where}.",)
        raise failure
    assert picture is not None
    return Result(picture, recorder.run_log(status))


def _paint(
    prepared: Prepared,
    recorder: Recorder,
    on_step: OnStep | None,
    setup: Callable[[], None] | None,
    stop: StopRequest,
) -> NeurotransferError | None:
    """Run through the steps; return what ended them early, if anything did."""
    index = 0
    try:
        if setup is not None:
            setup()
        with Worker(stop) as worker:
            run = worker.call(partial(_begin, prepared))
            while (step := worker.call(lambda: next(run, None))) is not None:
                index = step.index
                recorder.add(step, run.checkpoint)
                if on_step is not None:
                    on_step(step)
                if stop.number and index < prepared.steps:
                    break
            else:
                return None
    except (LeftWorkError, KeyboardInterrupt):
        recorder.discard_state()
    except Exception as error:  # a mistake in the program must not cost the picture either
        recorder.discard_state()
        return error if isinstance(error, NeurotransferError) else _explained(error, index, prepared.steps)
    return RunInterruptedError(stop.number, f"Interrupted at step {index} of {prepared.steps}.")


def _begin(prepared: Prepared) -> "Stylization":
    from neurotransfer.transfer.stylize import stylize

    job = prepared.job
    content, styles, start, _ = prepared.pictures
    return stylize(
        content,
        styles,
        start=start,
        protect=prepared.protection,
        settings=job.settings,
        session=prepared.session,
        plan=prepared.plan,
        deadline=job.time_budget and prepared.begun + job.time_budget,
        checkpoint=prepared.previous.checkpoint if prepared.previous else None,
    )


def _explained(error: Exception, index: int, steps: int) -> NeurotransferError:
    """Return an unexpected error as a sentence; it keeps no traceback, which would hold the run's arrays."""
    where = f"after step {index} of {steps}"
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's
        return NeurotransferError(f"The memory ran out {where}; give less with --max-memory, or a smaller --size.")
    logger.debug("Where it failed:", exc_info=error)
    reason = f"{type(error).__name__}: {reason_of(error)}"
    return NeurotransferError(
        f"The program failed {where} ({reason}); run 'neurotransfer doctor', and report this if it finds nothing."
    )
