"""How many steps there will be, at which rate, and how long they will take. Knows clocks and counts, no pictures."""

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from neurotransfer.transfer.forecast import format_duration
from neurotransfer.transfer.plan import Plan
from neurotransfer.transfer.settings import Settings

logger = logging.getLogger(__name__)

_TIMED_STEPS = 2
"""Steps before an estimate."""
_LOW_RATE = 0.2
"""Share of the rate at the end of a scale that is not the last."""
_FULL_RATE_SCALES = 3
"""After so many scales the rate halves from one to the next: their few steps could not mend the grain of large ones."""
ANNOUNCE_SECONDS = 60.0
"""The time of a longer run is reported unasked."""


class Schedule:
    """The steps of a run, by scale: shortened to keep a deadline once two steps were timed."""

    def __init__(self, settings: Settings, plan: Plan, deadline: float | None = None) -> None:
        """Begin with the steps of the plan; ``deadline`` is a value of `time.monotonic`."""
        self.index = 0
        self._settings = settings
        self._counts = [scale.steps for scale in plan.scales]
        self._done = [0] * len(plan.scales)
        self._work = [plan.work(scale) for scale in plan.scales]
        self._target_work = [plan.target_work(scale) for scale in plan.scales]
        self._deadline = deadline
        self._begun = 0.0
        self._timed = 0
        self._spent = 0.0
        self._origin = 0

    def state(self) -> dict[str, Any]:
        """Return plain values from which `restore` continues."""
        return {"index": self.index, "counts": list(self._counts), "done": list(self._done), "origin": self._origin}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the values of `state`."""
        self.index, self._origin = state["index"], state["origin"]
        self._counts, self._done = list(state["counts"]), list(state["done"])

    @property
    def total(self) -> int:
        """The number of steps of the whole run, as planned now."""
        return sum(self._counts)

    def begin(self) -> None:
        """Start the clock of the first steps."""
        self._begun = time.monotonic()

    def left(self, scale: int) -> int:
        """Return how many steps this scale still gets."""
        return self._counts[scale] - self._done[scale]

    def rate(self) -> float:
        """Return Adam's rate for the next step, in units of 0..255; a cosine ends just above zero.

        With restarts, every scale has a cosine of its own, which ends at a fifth of its rate but at the last scale
        (Loshchilov and Hutter 2017). So have steps added to a finished run. The fewer they are, the lower it begins:
        there would be no time to mend what large steps undo.
        """
        settings = self._settings
        if settings.schedule == "constant":
            return settings.learning_rate
        done, total, low, height = self.index - self._origin, self.total - self._origin, 0.0, 1.0
        if self._origin:
            height = min(1.0, total / self._origin)
        elif settings.schedule == "restarts":
            scale = next(scale for scale, count in enumerate(self._counts) if self._done[scale] < count)
            done, total = self._done[scale], self._counts[scale]
            low = _LOW_RATE if any(self._counts[scale + 1 :]) else 0.0
            height = 0.5 ** max(0, scale - _FULL_RATE_SCALES + 1)
        fall = 0.5 * (1.0 + math.cos(math.pi * done / max(total, 1)))
        return settings.learning_rate * height * (low + (1.0 - low) * fall)

    def tick(self, scale: int) -> None:
        """Note a step; after the second one, estimate the rest and shorten it if there is a deadline."""
        self.index += 1
        self._done[scale] += 1
        self._timed += 1
        self._spent += self._work[scale]
        if self._timed != _TIMED_STEPS:
            return
        if self._deadline is not None:
            self._shorten(self._deadline - time.monotonic())
        left = self.seconds_left()
        if left is not None and left > ANNOUNCE_SECONDS:
            logger.info("About %s to go (%d steps).", format_duration(left), self.total - self.index)

    def skip(self, scale: int) -> None:
        """Leave out the rest of this scale."""
        self._counts[scale] = self._done[scale]

    def seconds_left(self) -> float | None:
        """Return how long the steps left will take at the speed so far; None before the first one."""
        if not self._timed:
            return None
        return self._speed() * sum(
            (count - done) * work for count, done, work in zip(self._counts, self._done, self._work, strict=True)
        )

    def _speed(self) -> float:
        """Return the seconds that a unit of work took so far."""
        return (time.monotonic() - self._begun) / self._spent

    def _shorten(self, available: float) -> None:
        """Cut every scale by the same share until the estimate fits, with the targets of larger scales."""
        overhead = self._speed() * sum(self._target_work[1:])
        share = max(0.0, available - overhead) / max(self.seconds_left() or 0.0, 1e-9)
        if share < 1.0:
            planned = self.total
            self._counts = [
                done + (max(1, int((count - done) * share)) if count > done else 0)
                for count, done in zip(self._counts, self._done, strict=True)
            ]
            logger.info("The time allows for %d of %d steps.", self.total, planned)


def is_finished(state: Mapping[str, Any]) -> bool:
    """Return whether the state of a `Schedule` has no steps left."""
    return list(state["counts"]) == list(state["done"])


def extended(state: Mapping[str, Any], more: int) -> dict[str, Any]:
    """Return the state of a finished `Schedule` with ``more`` steps at the last size."""
    *counts, last = state["counts"]
    return {**state, "counts": [*counts, last + more], "origin": state["index"]}
