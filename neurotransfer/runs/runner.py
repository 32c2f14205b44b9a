"""A prepared job's run: its steps recorded, its picture saved, whatever ends it."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurotransfer.runs.job import Prepared
from neurotransfer.runs.recorder import Recorder
from neurotransfer.runs.run_folder import release
from neurotransfer.system.cpu import cores
from neurotransfer.system.errors import InputError, NeurotransferError, RunInterruptedError
from neurotransfer.system.signals import Stop, stop_signals
from neurotransfer.transfer.settings import INITS
from neurotransfer.vgg.weights import BUILTIN, FULL, Weights, find_weights

if TYPE_CHECKING:
    from neurotransfer.transfer.stylize import Step

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What a run left: the final picture's path and the run log."""

    picture: Path
    report: dict[str, Any]


def run_job(prepared: Prepared, on_step: Callable[["Step"], None] | None = None) -> Result:
    """Paint, record every step, and call ``on_step`` with each.

    Whatever ends the run early, the picture of the last good step and the run log are saved first.

    Raises:
        RunInterruptedError: SIGINT, SIGTERM or SIGHUP arrived.
        NeurotransferError: a loss was not finite, memory ran out, a file could not be written, or something failed
            that never should.
    """
    job = prepared.job
    try:
        with stop_signals() as stop:
            recorder = Recorder(
                prepared.plan,
                prepared.facts,
                private(prepared),
                bits=job.bits,
                dpi=job.dpi,
                photo=prepared.photo,
                save_every=job.save_every,
                earlier=prepared.earlier.record if prepared.earlier else None,
            )
            failure = _paint(prepared, recorder, on_step, stop)
            stop.saving = True
            status = f"stopped: {failure}" if failure else "finished"
            picture = recorder.finish(status)
    finally:
        release(prepared.plan)
    if failure is not None:
        where = f"The picture so far is {picture}" if picture else "No picture was made"
        failure.args = (f"{failure} {where}.",)
        raise failure
    assert picture is not None
    return Result(picture, recorder.report(status))


def private(prepared: Prepared) -> dict[str, Any]:
    """Return what `resume` must know of a job besides its settings. It names folders, so it stays out of pictures.

    The weights are those that were found, the memory that which was free: what is found then may be others.
    """
    job = prepared.job
    init = job.settings.init
    return {
        "content": str(job.content.absolute()),
        "style": str(job.style.absolute()),
        "weights": _name_of(prepared.weights),
        "max_memory": prepared.max_memory,
        "cores": cores(),
        "init": str(Path(init).absolute()) if init not in INITS else init,
        "snapshot_every": job.snapshot_every,
        "bits": job.bits,
        "dpi": job.dpi,
        "alpha": job.alpha,
        "keep_gps": job.keep_gps,
        "max_pixels": job.max_pixels,
    }


def _name_of(weights: Weights) -> str:
    """Return the choice that finds these weights again, from any folder."""
    path = weights.source.path
    for name in (BUILTIN, FULL):
        with suppress(InputError):  # no full ones are installed
            if path == find_weights(name):
                return name
    return str(path.absolute())


def _paint(
    prepared: Prepared, recorder: Recorder, on_step: Callable[["Step"], None] | None, stop: Stop
) -> NeurotransferError | None:
    """Run through the steps; return what ended them early, if anything did."""
    job = prepared.job
    index = 0
    try:
        from neurotransfer.transfer.stylize import stylize  # loads TensorFlow: seconds, during which a signal is kept

        deadline = job.time_budget and prepared.begun + job.time_budget
        for step in stylize(
            prepared.photo,
            prepared.painting,
            job.settings,
            weights=prepared.hand_over_weights(),
            deadline=deadline,
            max_memory=prepared.max_memory,
            checkpoint=prepared.earlier.checkpoint if prepared.earlier else None,
            max_pixels=job.max_pixels,
        ):
            index = step.index
            recorder.add(step)
            if on_step is not None:
                on_step(step)
            if stop.number and index < prepared.updates:
                break
        else:
            return None
    except KeyboardInterrupt:  # the second signal
        recorder.state_is_torn()
    except Exception as error:  # a mistake in the program must not cost the picture either
        recorder.state_is_torn()
        return error if isinstance(error, NeurotransferError) else _explained(error, index, prepared.updates)
    return RunInterruptedError(stop.number, f"Interrupted at step {index} of {prepared.updates}.")


def _explained(error: Exception, index: int, updates: int) -> NeurotransferError:
    """Return an error that no one expected as a sentence; it keeps no traceback, which would hold the run's arrays."""
    where = f"after step {index} of {updates}"
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's
        return NeurotransferError(f"The memory ran out {where}; give less with --max-memory, or a smaller --size.")
    logger.debug("Where it failed:", exc_info=error)
    reason = (str(error).splitlines() or [""])[0].rstrip(".")[:200]
    return NeurotransferError(f"The program failed {where} ({type(error).__name__}: {reason}); please report it.")
