"""``state.npz``: all that a run needs to go on where it was. Whole or absent, like every file of a run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurotransfer.system.errors import InputError
from neurotransfer.system.files import atomic_file
from neurotransfer.transfer.checkpoint import Checkpoint

NAME = "state.npz"
VERSION = 7


@dataclass(frozen=True)
class State:
    """A run's memory of itself: ``facts`` are plain values; no arrays means that no step was done yet."""

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray[Any, Any]]


def save_state(folder: Path, facts: dict[str, Any], checkpoint: Checkpoint | None) -> None:
    """Write ``facts``, which JSON must hold, and the checkpoint, uncompressed: pictures of floats hardly shrink.

    Raises:
        NeurotransferError: the file cannot be written; an earlier one stays.
    """
    arrays: dict[str, Any] = {}
    if checkpoint is not None:
        facts = {**facts, "octave": checkpoint.octave, "pace": checkpoint.pace}
        arrays = {"image": checkpoint.image} | {
            f"optimizer.{key}": value for key, value in checkpoint.optimizer.items()
        }
    text = json.dumps({"version": VERSION, **facts}).encode()
    with atomic_file(folder / NAME) as temporary, temporary.open("wb") as handle:
        np.savez(handle, facts=np.frombuffer(text, np.uint8), **arrays)


def find_state(folder: Path) -> Path:
    """Return the path of the state in ``folder``; touches nothing.

    Raises:
        InputError: there is none.
    """
    path = folder / NAME
    if not folder.is_dir():
        raise InputError(f"There is no run folder {folder}; give the folder that a run made.")
    if not path.is_file():
        raise InputError(f"{folder} holds no {NAME}: no run of this program, or one that can only be begun anew.")
    return path


def load_state(folder: Path) -> State:
    """Return the state of the run in ``folder``.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = find_state(folder)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts = json.loads(arrays.pop("facts").tobytes())
    except Exception as error:  # zip and array readers raise nearly anything on damaged files
        raise damaged(folder, error) from None
    if not isinstance(facts, dict):
        raise damaged(folder, TypeError(f"expected names and values, found a {type(facts).__name__}"))
    if facts.get("version") != VERSION:
        raise InputError(
            f"{path} is of version {facts.get('version')}, expected {VERSION}: made by another version of the program."
        )
    return State(facts, arrays)


def damaged(folder: Path, error: Exception) -> InputError:
    """Return the sentence about a state that is not what `save_state` wrote."""
    reason = (str(error).splitlines() or [""])[0].rstrip(".")[:120]
    return InputError(
        f"{folder / NAME} cannot be read ({type(error).__name__}: {reason}); the run can only be begun anew."
    )
