"""Optimisers of a picture, in NumPy. They see a callable that evaluates pictures, never a network or a file."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurotransfer.images import Array
from neurotransfer.objective import Evaluation

Evaluate = Callable[[Array], Evaluation]
"""A picture (H, W, 3) -> its losses, and the gradient where the next step will need it."""


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
        self._mean: NDArray[Any] | float = 0.0
        self._square: NDArray[Any] | float = 0.0

    def step(self, point: Evaluation, evaluate: Evaluate) -> Evaluation:
        """Return the evaluation of the next picture; ``point`` needs its gradient and is left as it is."""
        beta1, beta2, epsilon = 0.9, self._beta2, 1e-8
        gradient = point.gradient
        assert gradient is not None
        self._step += 1
        self._mean = beta1 * self._mean + (1.0 - beta1) * gradient
        self._square = beta2 * self._square + (1.0 - beta2) * np.square(gradient)
        rate = self._rate(self._step) * (1.0 - beta2**self._step) ** 0.5 / (1.0 - beta1**self._step)
        image = point.image - rate * self._mean / (np.sqrt(self._square) + epsilon)
        if self._clip:
            np.clip(image, 0.0, 255.0, out=image)
        return evaluate(image.astype(np.float32, copy=False))
