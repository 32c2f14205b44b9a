"""Adam against a scalar written out from the paper, and its projection."""

import numpy as np
import pytest

from neurotransfer.objective import Evaluation, Losses
from neurotransfer.optimizers import Adam


def bowl(image):
    """Half the squared distance to 100."""
    gradient = image - 100.0
    return Evaluation(image, Losses(float(np.sum(gradient**2)) / 2, 0.0, 0.0), gradient)


def adam_of_the_paper(x, rate, steps):
    """Algorithm 1 of Kingma and Ba with explicit bias-corrected moments, one number, float64."""
    m = v = 0.0
    for t in range(1, steps + 1):
        g = x - 100.0
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x -= rate * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8)
    return x


def adam(*, clip):
    return Adam(lambda step: 2.0, beta2=0.999, clip=clip)


def run(optimizer, start, steps):
    point = bowl(np.full((1, 1, 3), start, dtype=np.float32))
    for _ in range(steps):
        point = optimizer.step(point, bowl)
    return float(point.image[0, 0, 0])


@pytest.mark.parametrize("steps", [1, 2, 15])
def test_adam_follows_the_paper(steps):
    found = run(adam(clip=False), 20.0, steps)
    assert found == pytest.approx(adam_of_the_paper(20.0, 2.0, steps), rel=1e-5)
    assert found != pytest.approx(adam_of_the_paper(20.0, 1.9, steps), rel=1e-3)


def test_the_rate_may_change_from_step_to_step():
    slowing = Adam(lambda step: 2.0 if step == 1 else 0.0, beta2=0.999, clip=False)
    assert run(slowing, 20.0, 5) == pytest.approx(adam_of_the_paper(20.0, 2.0, 1))


def test_projection_keeps_pixels_in_range():
    def downhill_forever(image):
        return Evaluation(image, Losses(0.0, 0.0, 0.0), np.ones_like(image))

    point = downhill_forever(np.full((1, 1, 3), 3.0, dtype=np.float32))
    clipped, free = adam(clip=True), adam(clip=False)
    for _ in range(3):
        point = clipped.step(point, downhill_forever)
    assert point.image.min() == 0.0
    point = downhill_forever(np.full((1, 1, 3), 3.0, dtype=np.float32))
    for _ in range(3):
        point = free.step(point, downhill_forever)
    assert point.image.min() < 0.0


def test_a_step_leaves_the_point_alone():
    point = bowl(np.full((2, 2, 3), 7.0, dtype=np.float32))
    before = point.image.copy(), point.gradient.copy()
    adam(clip=True).step(point, bowl)
    assert np.array_equal(point.image, before[0])
    assert np.array_equal(point.gradient, before[1])
