"""All that changes in a run: what is saved of it, and what it continues from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from neurotransfer.system.array import Array


@dataclass(frozen=True)
class Checkpoint:
    """The place of a run between two steps; from it `stylize` continues as if nothing had happened."""

    scale: int
    """Index of the scale in the plan."""
    image: Array
    """Float32 (height, width, 3), of the scale's size."""
    optimizer: Mapping[str, NDArray[Any]]
    """The state of the optimizer."""
    schedule: Mapping[str, Any]
    """The state of the `Schedule`: plain values."""
