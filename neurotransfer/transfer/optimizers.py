"""Optimisers of a picture, in NumPy. They see a callable that evaluates pictures, never a network or a file."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurotransfer.system.types import Array
from neurotransfer.transfer.objective import Evaluation

Evaluate = Callable[[Array], Evaluation]
"""A picture (H, W, 3) -> its losses, and the gradient where the next step will need it."""


_Pair = tuple[NDArray[Any], NDArray[Any]]
"""A pair of L-BFGS as it is remembered: float32, or uint16 that holds bfloat16."""

_BAND = 64
"""Rows updated at once: what is computed on the way fits the cache, where a large picture's would be gigabytes."""


class Adam:
    """Adam (Kingma and Ba, ICLR 2015), optionally projected into 0..255 after every step.

    One step: x <- x - rate_t * m / (sqrt(v) + epsilon), with the bias corrections folded into rate_t as in the
    paper's section 2. The projection keeps the optimised picture equal to the saved one: clipping only on saving
    multiplies the loss several times.

    ``rate`` maps the number of a step, from 1, to its rate.
    """

    def __init__(self, rate: Callable[[int], float], *, beta2: float, clip: bool) -> None:
        self._rate = rate
        self._beta2 = beta2
        self._clip = clip
        self._step = 0
        self._mean: Array | None = None
        self._square: Array | None = None

    def step(self, point: Evaluation, evaluate: Evaluate) -> Evaluation:
        """Return the evaluation of the next picture; ``point`` needs its gradient and is left as it is.

        A caller that keeps no ``point`` saves memory: its gradient is let go before the next picture is evaluated.
        """
        beta1, beta2, epsilon = 0.9, self._beta2, 1e-8
        before, gradient = point.image, _gradient(point)
        del point
        if self._mean is None or self._square is None:
            self._mean, self._square = np.zeros_like(gradient), np.zeros_like(gradient)
        self._step += 1
        rate = self._rate(self._step) * (1.0 - beta2**self._step) ** 0.5 / (1.0 - beta1**self._step)
        image = np.empty_like(before)
        for begin in range(0, len(image), _BAND):
            rows = slice(begin, begin + _BAND)
            mean, square = self._mean[rows], self._square[rows]
            mean += (1.0 - beta1) * (gradient[rows] - mean)
            square += (1.0 - beta2) * (np.square(gradient[rows]) - square)
            image[rows] = before[rows] - rate * mean / (np.sqrt(square) + epsilon)
        if self._clip:
            np.clip(image, 0.0, 255.0, out=image)
        del before, gradient
        return evaluate(image)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays from which `restore` goes on."""
        if self._mean is None or self._square is None:
            return {}
        return {"step": np.array(self._step), "mean": self._mean, "square": self._square}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from the arrays of `state`."""
        if state:
            self._step, self._mean, self._square = int(state["step"]), state["mean"], state["square"]

    def move(self, resize: Callable[[Array], Array]) -> None:
        """Carry the moments over to another picture size; ``resize`` maps a picture of this size to one of that."""
        if self._mean is None or self._square is None:
            return
        pixels = self._mean.size
        self._mean = resize(self._mean)
        share = np.float32(pixels / self._mean.size)  # the derivative by one pixel shrinks as their number grows
        self._mean *= share
        self._square = np.abs(resize(self._square))
        self._square *= share**2


class LBFGS:
    """Limited-memory BFGS inside 0..255 (Nocedal 1980; the projection after Bertsekas 1982).

    The direction comes from the two-loop recursion over the last pairs (s, y) = (change of the picture, change of the
    gradient), among the pixels that are free to move: one at a bound that the gradient pushes outward stays. The full
    step is tried first and nearly always taken; a refused one still leaves its pair, so that the next direction is
    better, not merely shorter. A step that finds nothing lower returns its point.
    """

    first_change = 8.0
    """Root mean square of the first step, in units of 0..255."""
    eager = 1.7
    """Factor on the first guess of the inverse Hessian, which the last pair alone makes too small: found by trial."""
    tries = 8
    sufficient = 1e-4  # Armijo's constant
    rounding = 1e-6  # relative error of a loss summed in float32

    def __init__(self, *, clip: bool, history: int = 20, half: bool = False) -> None:
        """Begin without pairs: of at most ``history``, kept in bfloat16 if ``half``, which takes half the memory."""
        self._bounds = (0.0, 255.0) if clip else (-np.inf, np.inf)
        self._half = half
        self._kept: deque[_Pair] = deque(maxlen=history)

    def step(self, point: Evaluation, evaluate: Evaluate) -> Evaluation:
        """Return the evaluation of the next picture; ``point`` needs its gradient and is left as it is."""
        slope = _gradient(point)
        low, high = self._bounds
        free = ((point.image > low) | (slope < 0)) & ((point.image < high) | (slope > 0))
        shorter = 1.0
        for attempt in range(self.tries):
            change = shorter * self._direction(np.where(free, slope, 0.0).astype(np.float32), free)
            candidate = evaluate(np.clip(point.image + change, low, high))
            moved = candidate.image - point.image
            if candidate.gradient is not None:
                self._keep(moved, candidate.gradient - slope)
            expected = self.sufficient * float(np.vdot(slope, moved)) + self.rounding * abs(point.losses.total)
            if candidate.losses.total <= point.losses.total + expected:
                return candidate
            if attempt > 1 or candidate.gradient is None:  # new pairs did not help: the model is wrong this far out
                shorter *= 0.4
            if attempt == self.tries // 2:
                self._kept.clear()
        return point

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays from which `restore` goes on."""
        return {
            f"{kind}.{number}": array
            for number, pair in enumerate(self._kept)
            for kind, array in zip(("change", "bend"), pair, strict=True)
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from the arrays of `state`."""
        for number in range(len(state) // 2):
            self._keep(*_unpacked((state[f"change.{number}"], state[f"bend.{number}"])))

    def move(self, resize: Callable[[Array], Array]) -> None:
        """Carry the pairs over to another picture size; ``resize`` maps a picture of this size to one of that."""
        for _ in range(len(self._kept)):
            change, bend = _unpacked(self._kept.popleft())
            larger = resize(change)
            # A loss is a mean over positions: the derivative by one pixel shrinks as their number grows.
            self._keep(larger, resize(bend) * np.float32(change.size / larger.size))

    def _keep(self, change: Array, bend: Array) -> None:
        pair = (_packed(change), _packed(bend)) if self._half else (change, bend)
        change, bend = _unpacked(pair)  # what is remembered counts, not what it was
        if np.vdot(change, bend) > 1e-10 * np.vdot(bend, bend):  # else the curvature is not positive
            self._kept.append(pair)

    def _direction(self, slope: Array, free: NDArray[np.bool_]) -> Array:
        """Return minus the inverse Hessian times ``slope`` (two-loop recursion), along free pixels and downhill."""
        if self._kept:
            direction = slope.copy()
            shares = []
            for change, bend in map(_unpacked, reversed(self._kept)):
                shares.append(np.vdot(change, direction) / np.vdot(change, bend))
                direction -= shares[-1] * bend
            change, bend = _unpacked(self._kept[-1])
            direction *= self.eager * np.vdot(change, bend) / np.vdot(bend, bend)
            for (change, bend), share in zip(map(_unpacked, self._kept), reversed(shares), strict=True):
                direction += (share - np.vdot(bend, direction) / np.vdot(change, bend)) * change
            direction *= -1.0
            direction[~free] = 0.0
            if np.vdot(direction, slope) < 0.0:
                return direction
            self._kept.clear()
        steepness = float(np.sqrt(np.mean(np.square(slope))))
        return -slope * np.float32(self.first_change / steepness if steepness else 0.0)


def _packed(values: Array) -> NDArray[np.uint16]:
    """Return finite ``values`` rounded to bfloat16, the upper half of float32: its range, 8 bits of precision."""
    rounded = values.view(np.uint32) + np.uint32(0x8000)
    rounded >>= 16
    return rounded.astype(np.uint16)


def _unpacked(pair: _Pair) -> tuple[Array, Array]:
    change, bend = (
        kept if kept.dtype == np.float32 else (kept.astype(np.uint32) << np.uint32(16)).view(np.float32)
        for kept in pair
    )
    return change, bend


def _gradient(point: Evaluation) -> Array:
    assert point.gradient is not None, "an optimiser steps from an evaluation with its gradient"
    return point.gradient
