"""All that changes in a run: what is saved of it, and what it goes on from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from neurotransfer.system.types import Array


@dataclass(frozen=True)
class Checkpoint:
    """The place of a run between two updates; from it `stylize` goes on as if nothing had happened."""

    octave: int
    image: Array
    """Float32 (height, width, 3), of the octave's size."""
    optimizer: Mapping[str, NDArray[Any]]
    """The state of its optimiser."""
    pace: Mapping[str, Any]
    """The state of its `Pace`: plain values."""
