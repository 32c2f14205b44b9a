"""All that changes in a run: what is saved of it, and what it continues from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurotransfer.system.array import Array
from neurotransfer.system.errors import InputError
from neurotransfer.transfer.plan import Plan
from neurotransfer.transfer.settings import Settings

_BFLOAT16_EXPONENT = np.uint16(0x7F80)


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
        """Raise `InputError` unless this is a place of a run with these settings and this plan.

        Every count and every number of every array is looked at: what is wrong would be painted on, or fail later.
        """
        self._require_steps(len(plan.scales))
        size = plan.scales[self.scale].size
        arrays = {name: array for name, array in self.optimizer.items() if name != "step"}
        for name, array in {"image": self.image, **arrays}.items():
            if array.shape != (size.height, size.width, 3):
                raise InputError(f"A checkpoint of {size} pixels was expected, found {name} of shape {array.shape}.")
            if not _is_finite(array, half=name.startswith(("s.", "y."))):
                raise InputError(f"A checkpoint of finite numbers was expected, found others in {name}.")
        if not (self._fits_adam() if settings.optimizer == "adam" else self._fits_lbfgs()):
            raise InputError(f"A checkpoint of the optimizer {settings.optimizer} was expected, found another one's.")

    def _require_steps(self, scales: int) -> None:
        counts, done = self.schedule["counts"], self.schedule["done"]
        if len(counts) != scales or len(done) != scales:
            raise InputError(
                f"A checkpoint with steps at {scales} sizes was expected, found {len(counts)}, {len(done)}."
            )
        if not 0 <= self.scale < scales:
            raise InputError(f"A checkpoint at one of {scales} sizes was expected, found {self.scale}.")
        before, after = slice(self.scale), slice(self.scale + 1, None)
        add_up = done[before] == counts[before] and done[self.scale] <= counts[self.scale] and not any(done[after])
        if not add_up or sum(done) != self.schedule["index"] or self.schedule["origin"] > self.schedule["index"]:
            raise InputError("A checkpoint whose steps add up was expected, found others.")

    def _fits_adam(self) -> bool:
        done = self.schedule["done"][self.scale]
        names = {"step", "mean", "square"} if done else set()
        if set(self.optimizer) != names:
            return False
        step, square = self.optimizer.get("step", np.array(0)), self.optimizer.get("square", np.array(0))
        return step.shape == () and bool(step == done) and bool((square >= 0).all())

    def _fits_lbfgs(self) -> bool:
        return set(self.optimizer) == {
            f"{kind}.{number}" for kind in "sy" for number in range(len(self.optimizer) // 2)
        }


def _is_finite(array: NDArray[Any], *, half: bool) -> bool:
    """Return whether an array holds finite float32, or if ``half``, finite bfloat16 in uint16."""
    if half and array.dtype == np.uint16:
        return bool((array & _BFLOAT16_EXPONENT != _BFLOAT16_EXPONENT).all())
    return array.dtype == np.float32 and bool(np.isfinite(array).all())
