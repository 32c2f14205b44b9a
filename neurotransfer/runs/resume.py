"""The rest of a run that was interrupted, or more steps for a finished one, from the state in its folder."""

import logging
from dataclasses import replace
from pathlib import Path

from neurotransfer.runs.earlier_run import files_of_runs
from neurotransfer.runs.inputs import InputFile
from neurotransfer.runs.job import Job, Prepared, PreviousRun, prepare
from neurotransfer.runs.run_folder import DEFAULT_SNAPSHOT_EVERY, in_folder
from neurotransfer.runs.run_info import RunInfo
from neurotransfer.runs.state import NAME, State, damaged, find_state, load_state
from neurotransfer.system.cpu import choose_precision, cores
from neurotransfer.system.errors import InputError
from neurotransfer.system.facts import FactError
from neurotransfer.system.files import TEMPORARY_NAME
from neurotransfer.system.lock import FolderLock
from neurotransfer.system.size import Size
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.plan import Plan
from neurotransfer.transfer.schedule import extended, is_finished

logger = logging.getLogger(__name__)

MAX_NAMES = 5
"""Of runs that a message lists."""


def prepare_resumed(
    folder: Path, *, more: int | None = None, max_memory: float | None = None, save_every: float = 30.0
) -> Prepared:
    """Prepare the rest of the run in ``folder``, or ``more`` steps of a finished one; loads no TensorFlow.

    A folder that holds one run folder stands for that. A run that was killed at its very end has no steps left, but
    gets its picture and its log. In float32 on the same machine, with as many cores, the picture is, byte for byte,
    that of the unbroken run.

    Raises:
        InputError: there is no usable state, the run is finished and ``more`` is not given or the other way round,
            another process is at work in the folder, or a photo, painting or weights file is not what it was.
        NeurotransferError: the state is damaged.
    """
    folder = _run_in(folder)
    find_state(folder)  # before the lock, which leaves a file: this may not be the folder of a run
    lock = FolderLock(folder)
    try:
        prepared = _prepare(folder, lock, more, max_memory, save_every)
        for left in files_of_runs(folder):
            if TEMPORARY_NAME.fullmatch(left.name):
                left.unlink(missing_ok=True)
    except BaseException:
        lock.release()
        raise
    return prepared


def _run_in(folder: Path) -> Path:
    if (folder / NAME).exists() or not folder.is_dir():
        return folder
    runs = sorted(path.parent for path in folder.glob(f"*/{NAME}"))
    if len(runs) > 1:
        names = ", ".join(run.name for run in runs[:MAX_NAMES]) + (", ..." if len(runs) > MAX_NAMES else "")
        raise InputError(f"{folder} holds {len(runs)} runs ({names}); give the folder of one, such as {runs[0]}.")
    if runs:
        logger.info("The run is %s, the only one in %s.", runs[0], folder)
    return runs[0] if runs else folder


def _prepare(folder: Path, lock: FolderLock, more: int | None, max_memory: float | None, save_every: float) -> Prepared:
    state = load_state(folder)
    info = state.info
    checkpoint = _continued(folder, state, more)
    job = Job(
        inputs=info.inputs,
        settings=info.settings,
        options=replace(info.options, save_every=save_every),
        weights=info.weights.path,
        max_memory=max_memory or info.plan.max_memory,
        max_pixels=info.max_pixels,
    )
    every = DEFAULT_SNAPSHOT_EVERY if job.options.snapshot_every is None else job.options.snapshot_every
    previous = PreviousRun(_kept_plan(info, max_memory), checkpoint, dict(state.record))
    prepared = prepare(job, claimed=in_folder(folder, every, lock, overwrite=True), previous=previous)
    require_same_inputs(info, prepared.info)
    content, *styles = (Size(*picture.size) for picture in (prepared.pictures.content, *prepared.pictures.styles))
    try:
        info.plan.require_fit(info.settings, content, styles)
    except FactError as error:
        raise damaged(folder, error) from None
    if info.cores != cores():  # sums are split among them
        logger.warning(
            "The run had %s cores of the processor and continues with %d: the picture may not be, bit for bit, the "
            "unbroken run's.",
            info.cores,
            cores(),
        )
    return prepared


def _continued(folder: Path, state: State, more: int | None) -> Checkpoint | None:
    """Return the checkpoint from which the run continues, with ``more`` steps for a finished one."""
    checkpoint = state.checkpoint
    finished = checkpoint is not None and is_finished(checkpoint.schedule)
    if more and not finished:
        raise InputError(f"The run in {folder} is not finished; resume it without --more first.")
    whole = all((folder / name).exists() for name in ("final.png", "run.json"))
    if finished and not more and whole:
        raise InputError(f"The run in {folder} is finished; --more 200 adds steps to it.")
    if checkpoint is None or not more:
        return checkpoint
    return replace(checkpoint, schedule=extended(checkpoint.schedule, more))


def _kept_plan(info: RunInfo, max_memory: float | None) -> Plan | None:
    """Return the plan of the run; None if it must be made again, which changes the picture in its last bits.

    Another plan, made from what is free now, would add up in another order.
    """
    if max_memory is not None and max_memory != info.plan.max_memory:
        logger.warning("--max-memory plans the run again: the picture may not be, bit for bit, the unbroken run's.")
        return None
    if (precision := choose_precision(info.settings.precision)) != info.plan.precision:
        logger.info(
            "The run began in %s, which is slow here, and continues in %s: the picture will not be quite the same.",
            info.plan.precision,
            precision,
        )
        return None
    return info.plan


def require_same_inputs(before: RunInfo, now: RunInfo) -> None:
    """Raise `InputError` unless the files are those that the run began with."""
    pairs = [(earlier, found.sha256, found.path.name) for earlier, found in zip(before.inputs, now.inputs, strict=True)]
    weights = InputFile(before.weights.path, before.weights.sha256)
    name = before.weights.path.name
    for earlier, found, called in [*pairs, (weights, now.weights.sha256, name)]:
        if earlier.sha256 != found:
            raise InputError(
                f"{called} is not the file that this run began with: "
                f"SHA-256 {earlier.sha256[:12]}... expected, {found[:12]}... found; start a new run."
            )
