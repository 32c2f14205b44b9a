"""All that changes in a run: what is saved of it, and what it continues from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from neurotransfer.system.array import Array
from neurotransfer.system.errors import InputError
from neurotransfer.transfer.plan import Plan
from neurotransfer.transfer.settings import Settings


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

    def require_fit(self, settings: Settings, plan: Plan) -> None:
        """Raise `InputError` unless this is a place of a run with these settings and this plan."""
        counts, done = self.schedule["counts"], self.schedule["done"]
        if len(counts) != len(plan.scales) or len(done) != len(plan.scales):
            raise InputError(
                f"A checkpoint with steps at {len(plan.scales)} sizes was expected, found {counts}, {done}."
            )
        if not 0 <= self.scale < len(plan.scales):
            raise InputError(f"A checkpoint at one of {len(plan.scales)} sizes was expected, found {self.scale}.")
        size = plan.scales[self.scale].size
        for name, array in {"image": self.image, **self.optimizer}.items():
            if name != "step" and array.shape != (size.height, size.width, 3):
                raise InputError(f"A checkpoint of {size} pixels was expected, found {name} of shape {array.shape}.")
        adam = set(self.optimizer) == {"step", "mean", "square"}
        if self.optimizer and adam != (settings.optimizer == "adam"):
            raise InputError(f"A checkpoint of the optimizer {settings.optimizer} was expected, found another one's.")
