"""How many updates there will be, at which rate, and how long they will take. Knows clocks and counts, no pictures."""

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from neurotransfer.system.cpu import product_rate
from neurotransfer.transfer.plan import needed_layers, share_updates
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.tiles import stride, work
from neurotransfer.vgg.layers import KERNEL_SHAPES

logger = logging.getLogger(__name__)

_TIMED = 2  # updates, before an estimate
WORTH_SAYING = 60.0
"""Seconds from which on a run's time is told unasked."""

# Measured (docs/performance.md): what a forecast multiplies the floor in float32 by, seconds to start, updates' worth
# of targets. The former is below 1: products are faster in TensorFlow than here, and Winograd's way leaves some out.
_OVER_THE_FLOOR = {"bfloat16": 0.48, "float32": 0.82}
_OVER_IN_TILES = {"bfloat16": 0.48, "float32": 0.97}
_START = 3.0
_TARGETS = 2.0


class Pace:
    """The plan of a run's updates: counts per octave, shortened to keep a deadline once two updates were timed.

    ``work`` is what a step of each octave costs, in any unit.
    """

    def __init__(self, settings: Settings, work: list[float], deadline: float | None = None) -> None:
        self.settings = settings
        self.index = 0
        self._counts = share_updates(settings.updates, len(work))
        self._done = [0] * len(work)
        self._work = work
        self._deadline = deadline
        self._begun = 0.0
        self._ticks = 0
        self._spent = 0.0
        self._origin = 0

    def state(self) -> dict[str, Any]:
        """Return plain values from which `restore` goes on."""
        return {"index": self.index, "counts": self._counts, "done": self._done, "origin": self._origin}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the values of `state`."""
        self.index, self._origin = state["index"], state["origin"]
        self._counts, self._done = list(state["counts"]), list(state["done"])

    @property
    def total(self) -> int:
        """The number of updates of the whole run, as planned now."""
        return sum(self._counts)

    def begin(self) -> None:
        """Start the clock of the first updates."""
        self._begun = time.monotonic()

    def left(self, octave: int) -> int:
        """Return how many updates this octave still gets."""
        return self._counts[octave] - self._done[octave]

    def rate(self) -> float:
        """Return Adam's rate for the coming update; a cosine schedule ends just above zero.

        Updates added to a finished run have a cosine of their own, the lower the fewer they are: there would be no time
        to mend what large steps undo.
        """
        settings = self.settings
        if settings.schedule == "constant":
            return settings.learning_rate
        share = (self.index - self._origin) / max(self.total - self._origin, 1)
        height = min(1.0, (self.total - self._origin) / self._origin) if self._origin else 1.0
        return settings.learning_rate * height * 0.5 * (1.0 + math.cos(math.pi * share))

    def tick(self, octave: int) -> None:
        """Note an update; after the second one, estimate the rest and shorten it if there is a deadline."""
        self.index += 1
        self._done[octave] += 1
        self._ticks += 1
        self._spent += self._work[octave]
        if self._ticks != _TIMED:
            return
        if self._deadline is not None:
            self._shorten(self._deadline - time.monotonic())
        left = self.seconds_left()
        if left is not None and left > WORTH_SAYING:
            logger.info("About %s to go (%d updates).", spoken(left), self.total - self.index)

    def skip(self, octave: int) -> None:
        """Leave the rest of this octave out."""
        self._counts[octave] = self._done[octave]

    def seconds_left(self) -> float | None:
        """Return how long the updates left will take at the speed so far; None before the first one."""
        if not self._ticks:
            return None
        return self._speed() * sum(
            (count - done) * work for count, done, work in zip(self._counts, self._done, self._work, strict=True)
        )

    def _speed(self) -> float:
        """Return the seconds a unit of work took so far."""
        return (time.monotonic() - self._begun) / self._spent

    def _shorten(self, available: float) -> None:
        """Cut every octave by the same share until the estimate fits; targets of a larger octave cost two updates."""
        overhead = 2.0 * self._speed() * sum(self._work[1:])
        share = max(0.0, available - overhead) / max(self.seconds_left() or 0.0, 1e-9)
        if share < 1.0:
            self._counts = [
                done + (max(1, int((count - done) * share)) if count > done else 0)
                for count, done in zip(self._counts, self._done, strict=True)
            ]
            logger.info("The time allows for %d of %d updates.", self.total, self.settings.updates)


def is_finished(state: Mapping[str, Any]) -> bool:
    """Return whether the state of a `Pace` has no updates left."""
    return list(state["counts"]) == list(state["done"])


def extended(state: Mapping[str, Any], more: int) -> dict[str, Any]:
    """Return the state of a finished `Pace` with ``more`` updates at the last size."""
    *counts, last = state["counts"]
    return {**state, "counts": [*counts, last + more], "origin": state["index"]}


def forecast(settings: Settings, sizes: list[tuple[int, int]], precision: str, most_pixels: int | None) -> float:
    """Return the seconds that a run of octaves of these sizes should take on this machine, before any of it was done.

    That is the arithmetic of its convolutions over the rate of a matrix product, which is measured now. Right within a
    third or so; what `Pace` says after two updates is better.
    """
    layers, counts = needed_layers(settings), share_updates(settings.updates, len(sizes))
    pixels = sum(
        (count + _TARGETS) * work(size, layers, most_pixels) for count, size in zip(counts, sizes, strict=True)
    )
    a_pixel = sum(4.0 * math.prod(KERNEL_SHAPES[name]) / stride(name) ** 2 for name in layers)
    over = _OVER_THE_FLOOR if most_pixels is None else _OVER_IN_TILES
    return _START + over[precision] * pixels * a_pixel / product_rate()


def spoken(seconds: float) -> str:
    """Return a time in words: ``45 s``, ``1 min 30 s``, ``2 h 5 min``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
