"""Adam against a scalar written out from the paper; L-BFGS against an independent bounded solver."""

import weakref
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import lsq_linear

from neurotransfer.transfer.evaluation import Evaluation, Losses
from neurotransfer.transfer.optimizers import LBFGS, Adam, from_bfloat16, to_bfloat16


def bowl(image):
    """Half the squared distance to 100."""
    gradient = image - 100.0
    return Evaluation(image, Losses({"content": float(np.sum(gradient**2)) / 2}), gradient)


def adam_of_the_paper(x, rate, steps):
    """Algorithm 1 of Kingma and Ba with explicit bias-corrected moments, one number, float64."""
    m = v = 0.0
    for t in range(1, steps + 1):
        g = x - 100.0
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x -= rate * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8)
    return x


def adam(*, clip):
    return Adam(lambda step: 2.0, betas=(0.9, 0.999), clip=clip)


def stepped(optimizer, evaluation, evaluate):
    """The evaluation that one step from another one leads to."""
    optimizer.current = evaluation
    optimizer.step(evaluate)
    return optimizer.current


def run(optimizer, start, steps):
    optimizer.current = bowl(np.full((1, 1, 3), start, dtype=np.float32))
    for _ in range(steps):
        optimizer.step(bowl)
    return float(optimizer.current.image[0, 0, 0])


@pytest.mark.parametrize("steps", [1, 2, 15])
def test_adam_follows_the_paper(steps):
    found = run(adam(clip=False), 20.0, steps)
    assert found == pytest.approx(adam_of_the_paper(20.0, 2.0, steps), rel=1e-5)
    assert found != pytest.approx(adam_of_the_paper(20.0, 1.9, steps), rel=1e-3)


@pytest.mark.parametrize(("kept", "there"), [(False, False), (True, True)])
def test_adam_lets_the_gradient_go_before_it_evaluates(kept, there):
    """Of a print it is 200 MB."""
    points = [bowl(np.full((8, 8, 3), 20.0, dtype=np.float32))]
    gradient = weakref.ref(points[0].gradient)
    holder = points[0] if kept else None
    seen = []

    def evaluate(image):
        seen.append(gradient() is not None)
        return bowl(image)

    optimizer = adam(clip=True)
    optimizer.current = points.pop()
    optimizer.step(evaluate)
    assert seen == [there]
    assert (holder is not None) == kept


def test_the_rate_may_change_from_step_to_step():
    slowing = Adam(lambda step: 2.0 if step == 1 else 0.0, betas=(0.9, 0.999), clip=False)
    assert run(slowing, 20.0, 5) == pytest.approx(adam_of_the_paper(20.0, 2.0, 1))


def test_projection_keeps_pixels_in_range():
    def downhill_forever(image):
        return Evaluation(image, Losses({"content": 0.0}), np.ones_like(image))

    def lowest(optimizer):
        optimizer.current = downhill_forever(np.full((1, 1, 3), 3.0, dtype=np.float32))
        for _ in range(3):
            optimizer.step(downhill_forever)
        return optimizer.current.image.min()

    assert lowest(adam(clip=True)) == 0.0
    assert lowest(adam(clip=False)) < 0.0


def test_a_step_leaves_the_point_alone():
    point = bowl(np.full((2, 2, 3), 7.0, dtype=np.float32))
    before = point.image.copy(), point.gradient.copy()
    stepped(adam(clip=True), point, bowl)
    assert np.array_equal(point.image, before[0])
    assert np.array_equal(point.gradient, before[1])


# --- L-BFGS


class Quadratic:
    """Half x^T A x - b^T x over 48 pixels, with eigenvalues from 1 to 1000; counts its evaluations."""

    shape = (4, 4, 3)

    def __init__(self, inside=True):
        generator = np.random.default_rng(7)
        basis, _ = np.linalg.qr(generator.normal(size=(48, 48)))
        self.matrix = (basis * np.geomspace(1.0, 1000.0, 48)) @ basis.T
        middle = 128.0 if inside else 300.0
        self.target = self.matrix @ (middle + generator.uniform(-60, 60, 48))
        self.count = 0

    def __call__(self, image):
        self.count += 1
        flat = image.ravel().astype(np.float64)
        value = 0.5 * flat @ self.matrix @ flat - self.target @ flat
        gradient = (self.matrix @ flat - self.target).reshape(self.shape).astype(np.float32)
        return Evaluation(image, Losses({"content": float(value)}), gradient)

    def solve_inside_bounds(self):
        """The bounded minimum by an independent method (SciPy's bounded least squares)."""
        root = np.linalg.cholesky(self.matrix).T
        return lsq_linear(root, np.linalg.solve(root.T, self.target), bounds=(0, 255), tol=1e-12).x.reshape(self.shape)


def descend(optimizer, objective, steps):
    point = objective(np.full(Quadratic.shape, 100.0, dtype=np.float32))
    losses = [point.losses.total]
    for _ in range(steps):
        point = stepped(optimizer, point, objective)
        losses.append(point.losses.total)
    return point, losses


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("inside", [True, False])
def test_lbfgs_finds_the_bounded_minimum(inside, half):
    objective = Quadratic(inside)
    point, losses = descend(LBFGS(clip=True, half=half), objective, 100)
    assert all(after <= before + 1e-6 * abs(before) for before, after in pairwise(losses))
    # Flat directions are found less exactly from rounded pairs.
    assert np.abs(point.image - objective.solve_inside_bounds()).max() < (4.0 if half else 1.0)
    at_a_bound = ((point.image == 0) | (point.image == 255)).sum()
    assert bool(at_a_bound == 0) is inside


def test_lbfgs_beats_adam_and_costs_one_evaluation_a_step():
    objective = Quadratic()
    _, losses = descend(LBFGS(clip=True), objective, 40)
    assert objective.count <= 1.15 * 41
    _, adam_losses = descend(adam(clip=True), Quadratic(), 40)
    lowest = Quadratic()(objective.solve_inside_bounds()).losses.total
    assert losses[-1] - lowest < 0.01 * (adam_losses[-1] - lowest)


def test_a_stalled_line_search_returns_its_point():
    def uphill(image):
        """A gradient that points the wrong way: no step is ever lower."""
        gradient = -(image - 100.0)
        return Evaluation(image, Losses({"content": float(np.sum((image - 100.0) ** 2))}), gradient)

    start = uphill(np.full((2, 2, 3), 90.0, dtype=np.float32))
    assert stepped(LBFGS(clip=True), start, uphill) is start
    downhill = bowl(start.image)
    assert stepped(LBFGS(clip=True), downhill, bowl) is not downhill


def test_a_loss_that_is_no_number_is_refused_not_taken():
    def cliff(image):
        """The bowl, with no number beyond 107."""
        point = bowl(image)
        return point if image.max() < 107 else Evaluation(image, Losses({"content": float("nan")}), point.gradient)

    start = bowl(np.full((2, 2, 3), 90.0, dtype=np.float32))
    found = stepped(LBFGS(clip=True), Evaluation(start.image, start.losses, 3 * start.gradient), cliff)
    assert np.isfinite(found.losses.total)


def test_half_precision_is_rounded_bfloat16_and_takes_half_the_memory():
    generator = np.random.default_rng(9)
    values = (generator.normal(size=5000) * np.exp(generator.uniform(-60, 60, 5000))).astype(np.float32)
    found = from_bfloat16(to_bfloat16(values))
    assert np.array_equal(found, tf.cast(tf.cast(tf.constant(values), tf.bfloat16), tf.float32).numpy())
    sizes = []
    for half in (False, True):
        optimizer = LBFGS(clip=True, half=half)
        descend(optimizer, Quadratic(), 3)
        sizes.append(sum(array.nbytes for array in optimizer.state().values()))
    assert sizes[0] == 2 * sizes[1] > 0


def test_a_state_in_float32_goes_on_in_half_precision():
    whole, half = LBFGS(clip=True), LBFGS(clip=True, half=True)
    descend(whole, Quadratic(), 3)
    half.restore(whole.state())
    assert {array.dtype for array in half.state().values()} == {np.dtype(np.uint16)}
    again = LBFGS(clip=True, half=True)
    again.restore(half.state())
    assert all(np.array_equal(again.state()[name], array) for name, array in half.state().items())


@pytest.mark.parametrize(("half", "pairs"), [(False, 1), (True, 0)])
def test_a_pair_that_rounding_left_without_curvature_is_forgotten(half, pairs):
    optimizer = LBFGS(clip=False, half=half)
    change = np.array([1.0, 1.0], np.float32)
    optimizer.restore({"s.0": change, "y.0": np.array([1.0, -1.0 + 2.0**-10], np.float32)})
    assert len(optimizer.state()) == 2 * pairs


@pytest.mark.parametrize("half", [False, True])
def test_pairs_move_to_another_size(half):
    def smooth(image):
        """Half the mean of squares: the derivative by one pixel shrinks as their number grows."""
        gradient = ((image - 100.0) / image.size).astype(np.float32)
        return Evaluation(image, Losses({"content": float(np.mean((image - 100.0) ** 2)) / 2}), gradient)

    optimizer = LBFGS(clip=True, half=half)
    small = np.tile(np.linspace(20, 60, 4, dtype=np.float32)[:, None, None], (1, 4, 3))
    point = stepped(optimizer, smooth(small), smooth)
    optimizer.resize(lambda image: image.repeat(2, axis=0).repeat(2, axis=1))
    large = smooth(point.image.repeat(2, axis=0).repeat(2, axis=1))
    moved = stepped(optimizer, large, smooth)
    assert moved.losses.total < 1e-3 * large.losses.total  # the curvature of this bowl was known after one pair
    fresh = stepped(LBFGS(clip=True), large, smooth)
    assert fresh.losses.total > 0.1 * large.losses.total
