"""Going on with a run that was interrupted, or extending one that is finished, from the state in its folder."""

import logging
from pathlib import Path

from neurotransfer.checkpoint import Checkpoint
from neurotransfer.errors import InputError
from neurotransfer.job import Earlier, Job, Prepared, prepare
from neurotransfer.lock import FolderLock
from neurotransfer.outputs import DEFAULT_SNAPSHOT_EVERY, LEFT_OVER, in_folder
from neurotransfer.pace import extended, is_finished
from neurotransfer.settings import INITS, Settings
from neurotransfer.state import State, find_state, load_state

logger = logging.getLogger(__name__)


def prepare_resumed(
    folder: Path, *, more: int | None = None, max_memory: float | None = None, save_every: float = 30.0
) -> Prepared:
    """Prepare the rest of the run in ``folder``, or ``more`` updates of a finished one; loads no TensorFlow.

    In float32 on the same machine the picture is, byte for byte, the one that the unbroken run would have made.

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
    checkpoint = _checkpoint(folder, state, more)
    stored, private = state.facts["facts"], state.facts
    every = DEFAULT_SNAPSHOT_EVERY if private["snapshot_every"] is None else private["snapshot_every"]
    job = Job(
        content=Path(private["content"]),
        style=Path(private["style"]),
        settings=Settings(**stored["settings"] | {"init": _init(private["init"])}),
        weights=private["weights"],
        snapshot_every=every,
        save_every=save_every,
        dpi=private["dpi"],
        bits=private["bits"],
        alpha=private["alpha"],
        keep_gps=private["keep_gps"],
        max_pixels=private["max_pixels"],
        max_memory=max_memory,
    )
    earlier = Earlier(checkpoint, state.facts["record"])
    prepared = prepare(job, in_folder(folder, every, lock, overwrite=True), earlier)
    for name in ("content", "style", "weights", "init"):
        before, now = stored.get(name), prepared.facts.get(name)
        if before and now and before["sha256"] != now["sha256"]:
            raise InputError(
                f"{now.get('file', 'The weights file')} is not the file that this run began with: "
                f"SHA-256 {before['sha256'][:12]}... expected, {now['sha256'][:12]}... found; start a new run."
            )
    if stored["precision"] != prepared.facts["precision"]:
        logger.info("Begun in another precision, %s: the picture will not be quite the same.", stored["precision"])
    for left in folder.iterdir():
        if LEFT_OVER.fullmatch(left.name):
            left.unlink(missing_ok=True)
    return prepared


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
