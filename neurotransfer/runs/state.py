"""``state.npz``: all that a run needs to be resumed. Whole or absent, like every file of a run.

What is read is untrusted: one schema, the fields of `_Facts`, is checked whole before anything else is done.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neurotransfer.runs.run_info import RunInfo
from neurotransfer.system.errors import InputError, NeurotransferError, reason_of
from neurotransfer.system.facts import FactError, read_fields
from neurotransfer.system.files import atomic_file
from neurotransfer.system.npz import ArchiveError, Arrays, open_zip
from neurotransfer.transfer.checkpoint import Checkpoint

NAME = "state.npz"
VERSION = 9
MAX_FACTS = 300_000_000
"""Bytes of the facts; a step takes some 200."""
_IMAGE, _OPTIMIZER = "image", "optimizer."


@dataclass(frozen=True)
class State:
    """A run's memory of itself."""

    info: RunInfo
    record: Mapping[str, Any]
    """The losses of the steps that are done, and their seconds."""
    checkpoint: Checkpoint | None
    """None: no step was done yet."""


class _Record(NamedTuple):
    losses: tuple[Mapping[str, float], ...]
    seconds: float


@dataclass(frozen=True)
class _Schedule:
    index: int
    counts: tuple[int, ...]
    done: tuple[int, ...]
    origin: int


class _Place(NamedTuple):
    scale: int
    schedule: _Schedule
    optimizer: tuple[str, ...]
    """The names of its arrays."""


class _Facts(NamedTuple):
    version: int
    info: Mapping[str, Any]
    record: _Record
    place: _Place | None


def save_state(folder: Path, state: State) -> None:
    """Write the state, uncompressed: pictures of floats hardly shrink.

    Raises:
        NeurotransferError: the file cannot be written; an earlier one stays.
    """
    place, arrays = None, {}
    if (checkpoint := state.checkpoint) is not None:
        place = {"scale": checkpoint.scale, "schedule": checkpoint.schedule, "optimizer": list(checkpoint.optimizer)}
        arrays = {_IMAGE: checkpoint.image, **{_OPTIMIZER + key: value for key, value in checkpoint.optimizer.items()}}
    facts = {"version": VERSION, "info": state.info.to_json(folder), "record": dict(state.record), "place": place}
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    with atomic_file(folder / NAME) as handle:
        np.savez(handle, allow_pickle=False, facts=text, **arrays)


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
        InputError: there is none, it may not be read, or another version of the program made it.
        NeurotransferError: it is damaged: not what `save_state` wrote.
    """
    path = find_state(folder)
    try:
        with open_zip(path) as archive:
            arrays = Arrays(archive, stored=True)
            values = json.loads(arrays.read("facts", MAX_FACTS).tobytes())
            version = values.get("version", VERSION) if isinstance(values, dict) else VERSION
            if version == VERSION:
                return _state(read_fields(_Facts, values, "the state"), arrays, folder)
    except PermissionError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); make it readable to you.") from None
    except Exception as error:  # zip, array and JSON readers raise nearly anything on damaged files
        raise damaged(folder, error) from None
    raise InputError(
        f"{path} is of version {version!s:.20}, expected {VERSION}: made by another version of the program."
    )


def _state(facts: _Facts, arrays: Arrays, folder: Path) -> State:
    info, place = RunInfo.from_json(facts.info, folder), facts.place
    steps = facts.record.losses
    numbers = [step.get("step") for step in steps if {"total", "seconds"} <= set(step) == set(steps[0])]
    if numbers != list(range(place.schedule.index + 1 if place else 0)):
        raise FactError("the record does not hold the losses of each step that is done")
    names = {_IMAGE, *(_OPTIMIZER + name for name in place.optimizer)} if place else set()
    if arrays.names != {"facts", *names}:
        raise FactError("the arrays are not those that the state names")
    record = {"losses": [dict(step) for step in steps], "seconds": facts.record.seconds}
    if place is None:
        return State(info, record, None)
    entries = 3 * info.plan.size.pixels
    optimizer = {name: arrays.read(_OPTIMIZER + name, entries) for name in place.optimizer}
    schedule = asdict(place.schedule) | {"counts": list(place.schedule.counts), "done": list(place.schedule.done)}
    checkpoint = Checkpoint(place.scale, arrays.read(_IMAGE, entries), optimizer, schedule)
    checkpoint.require_fit(info.settings, info.plan)
    return State(info, record, checkpoint)


def damaged(folder: Path, error: Exception) -> NeurotransferError:
    """Return the sentence about a state that is not what `save_state` wrote."""
    told = isinstance(error, (FactError, ArchiveError, InputError))  # in our own words
    reason = reason_of(error) if told else f"{type(error).__name__}: {reason_of(error)}"
    return NeurotransferError(f"{folder / NAME} is damaged ({reason}); the run can only be started again.")
