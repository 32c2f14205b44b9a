"""``state.npz``: all that a run needs to be resumed. Whole or absent, like every file of a run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurotransfer.runs.run_info import RunInfo
from neurotransfer.system.errors import InputError, reason_of
from neurotransfer.system.files import atomic_file
from neurotransfer.transfer.checkpoint import Checkpoint

NAME = "state.npz"
VERSION = 8
HISTORY_KEYS = ("losses", "seconds")
"""What a state keeps of the steps that are done."""


@dataclass(frozen=True)
class State:
    """A run's memory of itself."""

    info: RunInfo
    record: Mapping[str, Any]
    """The losses of the steps that are done, and their seconds."""
    checkpoint: Checkpoint | None
    """None: no step was done yet."""


def save_state(folder: Path, state: State) -> None:
    """Write the state, uncompressed: pictures of floats hardly shrink.

    Raises:
        NeurotransferError: the file cannot be written; an earlier one stays.
    """
    facts: dict[str, Any] = {"version": VERSION, "info": state.info.to_json(), "record": dict(state.record)}
    arrays: dict[str, Any] = {}
    if state.checkpoint is not None:
        facts |= {"scale": state.checkpoint.scale, "schedule": state.checkpoint.schedule}
        arrays["image"] = state.checkpoint.image
        arrays |= {f"optimizer.{key}": value for key, value in state.checkpoint.optimizer.items()}
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    with atomic_file(folder / NAME) as handle:
        np.savez(handle, facts=text, **arrays)


def find_state(folder: Path) -> Path:
    """Return the path of the state in ``folder``; touches nothing.

    Raises:
        InputError: there is none.
    """
    path = folder / NAME
    if not folder.is_dir():
        raise InputError(f"There is no run folder {folder}; give the folder that a run made.")
    if not path.is_file():
        raise InputError(f"{folder} holds no {NAME}: it is not a run of this program, or can only be started again.")
    return path


def load_state(folder: Path) -> State:
    """Return the state of the run in ``folder``.

    Raises:
        InputError: there is none, it cannot be read, or it is not what `save_state` wrote.
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
    try:
        record = {key: facts["record"][key] for key in HISTORY_KEYS}
        return State(RunInfo.from_json(facts["info"]), record, _checkpoint(facts, arrays))
    except (LookupError, TypeError, ValueError, AttributeError, InputError) as error:
        raise damaged(folder, error) from None


def _checkpoint(facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> Checkpoint | None:
    if "image" not in arrays:  # killed before its first step
        return None
    optimizer = {name.removeprefix("optimizer."): array for name, array in arrays.items() if name != "image"}
    values = facts["schedule"]
    schedule = {
        "index": int(values["index"]),
        "counts": [int(count) for count in values["counts"]],
        "done": [int(count) for count in values["done"]],
        "origin": int(values["origin"]),
    }
    return Checkpoint(int(facts["scale"]), arrays["image"], optimizer, schedule)


def damaged(folder: Path, error: Exception) -> InputError:
    """Return the sentence about a state that is not what `save_state` wrote."""
    return InputError(
        f"{folder / NAME} cannot be read ({type(error).__name__}: {reason_of(error)}); the run can only be started "
        "again."
    )
