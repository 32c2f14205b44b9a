"""How many updates are left, at which rate, and how long they will take. Knows clocks and counts, no pictures."""

import logging
import math
import time

from neurotransfer.settings import Settings
from neurotransfer.sizes import share_updates

logger = logging.getLogger(__name__)

_TIMED = 2  # updates, before an estimate
_WORTH_SAYING = 60.0  # seconds


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
        """Return Adam's rate for the coming update; a cosine schedule ends just above zero."""
        settings = self.settings
        if settings.schedule == "constant":
            return settings.learning_rate
        return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * self.index / max(self.total, 1)))

    def tick(self, octave: int) -> None:
        """Note an update; after the second one, estimate the rest and shorten it if there is a deadline."""
        self.index += 1
        self._done[octave] += 1
        if self.index != _TIMED:
            return
        seconds = (time.monotonic() - self._begun) / _TIMED
        if self._deadline is not None:
            self._shorten(self._deadline - time.monotonic(), seconds)
        left = self._estimate(seconds)
        if left > _WORTH_SAYING:
            logger.info("About %s to go (%d updates).", _spoken(left), self.total - self.index)

    def skip(self, octave: int) -> None:
        """Leave the rest of this octave out."""
        self._counts[octave] = self._done[octave]

    def _estimate(self, seconds: float) -> float:
        """Return the seconds that the updates left will take, if one of the first octave takes ``seconds``."""
        return sum(
            seconds * (count - done) * work / self._work[0]
            for count, done, work in zip(self._counts, self._done, self._work, strict=True)
        )

    def _shorten(self, available: float, seconds: float) -> None:
        """Cut every octave by the same share until the estimate fits; targets of a larger octave cost two updates."""
        overhead = 2.0 * seconds * sum(self._work[1:]) / self._work[0]
        share = max(0.0, available - overhead) / max(self._estimate(seconds), 1e-9)
        if share < 1.0:
            self._counts = [
                done + max(1, int((count - done) * share)) for count, done in zip(self._counts, self._done, strict=True)
            ]
            logger.info("The time allows for %d of %d updates.", self.total, self.settings.updates)


def _spoken(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"
