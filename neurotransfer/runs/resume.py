"""Going on with a run that was interrupted, or extending one that is finished, from the state in its folder."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neurotransfer.runs.job import Earlier, Job, Prepared, prepare
from neurotransfer.runs.run_folder import DEFAULT_SNAPSHOT_EVERY, in_folder
from neurotransfer.runs.state import State, damaged, find_state, load_state
from neurotransfer.system.cpu import cores
from neurotransfer.system.errors import InputError
from neurotransfer.system.files import TEMPORARY_NAME
from neurotransfer.system.lock import FolderLock
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.plan import plan_octaves
from neurotransfer.transfer.schedule import extended, is_finished
from neurotransfer.transfer.settings import INITS, Settings

logger = logging.getLogger(__name__)

RECORD = ("losses", "seconds")
"""What a state keeps of the steps that are done."""


def prepare_resumed(
    folder: Path, *, more: int | None = None, max_memory: float | None = None, save_every: float = 30.0
) -> Prepared:
    """Prepare the rest of the run in ``folder``, or ``more`` updates of a finished one; loads no TensorFlow.

    In float32 on the same machine, with as many cores, the picture is, byte for byte, that of the unbroken run.

    Raises:
        InputError: there is no usable state, the run is finished and ``more`` is not given or the other way round,
            another process is at work in the folder, or a photo, painting or weights file is not what it was.
    """
    find_state(folder)  # before the lock, which leaves a file: this may be no run's folder
    lock = FolderLock(folder)
    try:
        return _prepare(folder, lock, more, max_memory, save_every)
    except BaseException:
        lock.release()
        raise


def _prepare(folder: Path, lock: FolderLock, more: int | None, max_memory: float | None, save_every: float) -> Prepared:
    state = load_state(folder)
    with _damage_told(folder):
        earlier = Earlier(_checkpoint(folder, state, more), {key: state.facts["record"][key] for key in RECORD})
        job = _job(state.facts, max_memory, save_every)
    every = DEFAULT_SNAPSHOT_EVERY if job.snapshot_every is None else job.snapshot_every
    prepared = prepare(job, in_folder(folder, every, lock, overwrite=True), earlier)
    with _damage_told(folder):
        _compare(state.facts["facts"], prepared)
        if prepared.max_memory != state.facts["max_memory"]:
            logger.warning("--max-memory plans the run anew: the picture may not be, bit for bit, the unbroken run's.")
        if state.facts["cores"] != cores():  # sums are split among them
            logger.warning(
                "The run had %s cores of the processor and goes on with %d: the picture may not be, bit for bit, the "
                "unbroken run's.",
                state.facts["cores"],
                cores(),
            )
    for left in folder.iterdir():
        if TEMPORARY_NAME.fullmatch(left.name):
            left.unlink(missing_ok=True)
    return prepared


@contextmanager
def _damage_told(folder: Path) -> Iterator[None]:
    """Turn what a state raises that holds something else than was written into an `InputError`."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise damaged(folder, error) from None


def _compare(stored: dict[str, Any], prepared: Prepared) -> None:
    """Raise `InputError` unless the inputs are those of the facts ``stored``, ValueError unless the checkpoint fits."""
    for name in ("content", "style", "weights", "init"):
        before, now = stored.get(name), prepared.facts.get(name)
        if before and now and before["sha256"] != now["sha256"]:
            raise InputError(
                f"{now.get('file', 'The weights file')} is not the file that this run began with: "
                f"SHA-256 {before['sha256'][:12]}... expected, {now['sha256'][:12]}... found; start a new run."
            )
    if stored["precision"] != prepared.facts["precision"]:
        logger.info("Begun in another precision, %s: the picture will not be quite the same.", stored["precision"])
    checkpoint = prepared.earlier and prepared.earlier.checkpoint
    if checkpoint:
        sizes = plan_octaves((prepared.facts["width"], prepared.facts["height"]), prepared.job.settings)
        width, height = sizes[checkpoint.octave]
        if checkpoint.image.shape != (height, width, 3) or len(checkpoint.pace["done"]) != len(sizes):
            raise ValueError(f"a picture of {width}x{height} pixels was expected, found {checkpoint.image.shape}")


def _job(private: dict[str, Any], max_memory: float | None, save_every: float) -> Job:
    return Job(
        content=Path(private["content"]),
        style=Path(private["style"]),
        settings=Settings(**private["facts"]["settings"] | {"init": _init(private["init"])}),
        weights=private["weights"],
        snapshot_every=private["snapshot_every"],
        save_every=save_every,
        dpi=private["dpi"],
        bits=private["bits"],
        alpha=private["alpha"],
        keep_gps=private["keep_gps"],
        max_pixels=private["max_pixels"],
        # Another plan, made from what is free now, would add up in another order.
        max_memory=max_memory or private["max_memory"],
    )


def _checkpoint(folder: Path, state: State, more: int | None) -> Checkpoint | None:
    if "image" not in state.arrays:  # killed before its first step
        if more:
            raise InputError(f"The run in {folder} is not finished; resume it without --more first.")
        return None
    pace = state.facts["pace"]
    if is_finished(pace) != bool(more):
        if more:
            raise InputError(f"The run in {folder} is not finished; resume it without --more first.")
        raise InputError(f"The run in {folder} is finished; --more 200 adds updates to it.")
    optimizer = {
        name.removeprefix("optimizer."): array for name, array in state.arrays.items() if name.startswith("optimizer.")
    }
    return Checkpoint(state.facts["octave"], state.arrays["image"], optimizer, extended(pace, more) if more else pace)


def _init(name: str) -> str | Path:
    return name if name in INITS else Path(name)
