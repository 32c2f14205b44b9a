"""Optimizers of a picture, in NumPy. They see a callable that evaluates pictures, never a network or a file."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurotransfer.system.array import Array
from neurotransfer.transfer.evaluation import Evaluation

Evaluate = Callable[[Array], Evaluation]
"""A picture (H, W, 3) -> its losses, and the gradient where the next step will need it."""


_Pair = tuple[NDArray[Any], NDArray[Any]]
"""A pair of L-BFGS as it is remembered: float32, or uint16 that holds bfloat16."""

_BAND = 64
"""Rows updated at once: temporary arrays fit the cache, where those of a large picture would be gigabytes."""


class Optimizer(Protocol):
    """What the loop needs of an optimizer, which owns the current evaluation between steps."""

    current: Evaluation | None

    def step(self, evaluate: Evaluate) -> None:
        """Make the next picture the current one; the current one needs its gradient."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays from which `restore` continues; later steps do not change them."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from the arrays of `state`."""

    def resize(self, resize: Callable[[Array], Array]) -> None:
        """Move to another picture size; ``resize`` maps a picture of this size to one of that."""


class Adam:
    """Adam (Kingma and Ba, ICLR 2015), optionally projected into 0..255 after every step.

    One step: x <- x - rate_t * m / (sqrt(v) + epsilon), with the bias corrections folded into rate_t as in the
    paper's section 2. The projection keeps the optimised picture equal to the saved one: clipping only on saving
    multiplies the loss several times.

    ``rate`` maps the number of a step, from 1, to its rate.
    """

    current: Evaluation | None = None
    """The evaluation that the next step starts from."""

    def __init__(self, rate: Callable[[int], float], *, betas: tuple[float, float], clip: bool) -> None:
        self._rate = rate
        self._betas = betas
        self._clip = clip
        self._step = 0
        self._mean: Array | None = None
        self._square: Array | None = None

    def step(self, evaluate: Evaluate) -> None:
        """Make the next picture the current one; the gradient is freed before the next picture is evaluated."""
        (beta1, beta2), epsilon = self._betas, 1e-8
        before, gradient = _with_gradient(self.current)
        self.current = None
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
        self.current = evaluate(image)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays from which `restore` continues; copies, since a step updates them in place."""
        if self._mean is None or self._square is None:
            return {}
        return {"step": np.array(self._step), "mean": self._mean.copy(), "square": self._square.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from the arrays of `state`."""
        if state:
            self._step, self._mean, self._square = int(state["step"]), state["mean"].copy(), state["square"].copy()

    def resize(self, _: Callable[[Array], Array]) -> None:
        """Begin anew at another picture size.

        Moments of the smaller picture, enlarged, made worse pictures: they hold nothing of the details that are new.
        """
        self._step, self._mean, self._square = 0, None, None


class LBFGS:
    """Limited-memory BFGS inside 0..255 (Nocedal 1980; the projection after Bertsekas 1982).

    The direction comes from the two-loop recursion over the last pairs (s, y) = (change of the picture, change of the
    gradient), among the pixels that are free to move: one at a bound that the gradient pushes outward stays. The full
    step is tried first and nearly always taken; a refused one still leaves its pair, so that the next direction is
    better, not merely shorter. A step that finds nothing lower stays where it is.
    """

    first_change = 8.0
    """Root mean square of the first step, in units of 0..255."""
    initial_scale = 1.7
    """Factor on the initial inverse Hessian, which the last pair alone makes too small; found by trial."""
    max_line_search = 8
    armijo_c1 = 1e-4
    rounding = 1e-6  # relative error of a loss summed in float32
    current: Evaluation | None = None
    """The evaluation that the next step starts from."""

    def __init__(self, *, clip: bool, history: int = 20, half: bool = False) -> None:
        """Begin without pairs; keep at most ``history``, in bfloat16 if ``half``, which takes half of the memory."""
        self._bounds = (0.0, 255.0) if clip else (-np.inf, np.inf)
        self._half = half
        self._kept: deque[_Pair] = deque(maxlen=history)

    def step(self, evaluate: Evaluate) -> None:
        """Make the next picture the current one, unless none is found whose loss is lower."""
        image, gradient = _with_gradient(self.current)
        assert self.current is not None
        total = self.current.losses.total
        low, high = self._bounds
        free = ((image > low) | (gradient < 0)) & ((image < high) | (gradient > 0))
        shorter = 1.0
        for attempt in range(self.max_line_search):
            step = shorter * self._direction(np.where(free, gradient, 0.0).astype(np.float32), free)
            candidate = evaluate(np.clip(image + step, low, high))
            moved = candidate.image - image
            if candidate.gradient is not None:
                self._keep(moved, candidate.gradient - gradient)
            expected = self.armijo_c1 * float(np.vdot(gradient, moved)) + self.rounding * abs(total)
            if candidate.losses.total <= total + expected:
                self.current = candidate
                return
            if attempt > 1 or candidate.gradient is None:  # new pairs did not help: the model is wrong this far out
                shorter *= 0.4
            if attempt == self.max_line_search // 2:
                self._kept.clear()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays from which `restore` continues; a step replaces them and does not change them."""
        return {
            f"{kind}.{number}": array
            for number, pair in enumerate(self._kept)
            for kind, array in zip(("s", "y"), pair, strict=True)
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from the arrays of `state`."""
        for number in range(len(state) // 2):
            self._keep(*_unpacked((state[f"s.{number}"], state[f"y.{number}"])))

    def resize(self, resize: Callable[[Array], Array]) -> None:
        """Move the pairs to another picture size; ``resize`` maps a picture of this size to one of that."""
        for _ in range(len(self._kept)):
            s, y = _unpacked(self._kept.popleft())
            larger = resize(s)
            # A loss is a mean over positions: the gradient by one pixel shrinks as their number grows.
            self._keep(larger, resize(y) * np.float32(s.size / larger.size))

    def _keep(self, s: Array, y: Array) -> None:
        pair = (to_bfloat16(s), to_bfloat16(y)) if self._half else (s, y)
        s, y = _unpacked(pair)  # as it is remembered, after rounding
        if np.vdot(s, y) > 1e-10 * np.vdot(y, y):  # else the curvature is not positive
            self._kept.append(pair)

    def _direction(self, gradient: Array, free: NDArray[np.bool_]) -> Array:
        """Return minus the inverse Hessian times ``gradient`` (two-loop recursion), along free pixels and downhill."""
        if self._kept:
            direction = gradient.copy()
            alphas = []
            for s, y in map(_unpacked, reversed(self._kept)):
                alphas.append(np.vdot(s, direction) / np.vdot(s, y))
                direction -= alphas[-1] * y
            s, y = _unpacked(self._kept[-1])
            direction *= self.initial_scale * np.vdot(s, y) / np.vdot(y, y)
            for (s, y), alpha in zip(map(_unpacked, self._kept), reversed(alphas), strict=True):
                direction += (alpha - np.vdot(y, direction) / np.vdot(s, y)) * s
            direction *= -1.0
            direction[~free] = 0.0
            if np.vdot(direction, gradient) < 0.0:
                return direction
            self._kept.clear()
        steepness = float(np.sqrt(np.mean(np.square(gradient))))
        return -gradient * np.float32(self.first_change / steepness if steepness else 0.0)


def to_bfloat16(values: Array) -> NDArray[np.uint16]:
    """Return finite ``values`` rounded to bfloat16, the upper half of float32: its range, 8 bits of precision."""
    rounded = values.view(np.uint32) + np.uint32(0x8000)
    rounded >>= 16
    return rounded.astype(np.uint16)


def from_bfloat16(values: NDArray[np.uint16]) -> Array:
    """Return what `to_bfloat16` made as float32."""
    return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)


def _unpacked(pair: _Pair) -> tuple[Array, Array]:
    s, y = (kept if kept.dtype == np.float32 else from_bfloat16(kept) for kept in pair)
    return s, y


def _with_gradient(evaluation: Evaluation | None) -> tuple[Array, Array]:
    assert evaluation is not None, "an optimizer starts from an evaluation"
    assert evaluation.gradient is not None, "an optimizer steps from an evaluation with its gradient"
    return evaluation.image, evaluation.gradient
