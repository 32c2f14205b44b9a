"""Reduced copies: halved as defined, a gradient that is the transposed of it, losses and gradients added up."""

import numpy as np
import pytest

from neurotransfer.transfer.copies import WithCopies, halved, spread
from neurotransfer.transfer.evaluation import Evaluation, Losses
from tests.conftest import relative

TAPS = np.array([1, 3, 3, 1]) / 8


def picture(height, width, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)


def halving(length):
    """The matrix that halves a column of so many values, tap by tap."""
    matrix = np.zeros((length // 2, length))
    for row in range(length // 2):
        for tap, weight in enumerate(TAPS):
            matrix[row, min(max(2 * row + tap - 1, 0), length - 1)] += weight
    return matrix


SIZES = [(2, 2), (5, 8), (9, 7), (150, 201), (260, 33)]


@pytest.mark.parametrize("size", SIZES)
def test_a_copy_is_the_weighted_mean_of_four_by_four_pixels(size):
    image = picture(*size)
    rows, columns = map(halving, size)
    expected = np.einsum("ir,jc,rck->ijk", rows, columns, image)
    assert relative(halved(image), expected) < 1e-6
    assert relative(image[: size[0] // 2, : size[1] // 2], expected) > 1e-2


def test_a_strip_of_one_row_stays_one():
    """A painting of 60:1 at a small style scale is as narrow."""
    strip = picture(1, 9)
    expected = np.einsum("jc,rck->rjk", halving(9), strip)
    assert relative(halved(strip), expected) < 1e-6
    assert relative(halved(strip.swapaxes(0, 1)), expected.swapaxes(0, 1)) < 1e-6
    assert halved(picture(1, 1)).shape == (1, 1, 3)
    assert relative(halved(2.0 * strip), expected) > 0.9


@pytest.mark.parametrize("size", SIZES)
def test_the_gradient_goes_back_the_way_the_copy_came(size):
    rows, columns = map(halving, size)
    gradient = picture(size[0] // 2, size[1] // 2, seed=1)
    expected = np.einsum("ir,jc,ijk->rck", rows, columns, gradient)
    assert relative(spread(gradient, (*size, 3)), expected) < 1e-6
    assert relative(spread(2.0 * gradient, (*size, 3)), expected) > 0.9


def squares(weight):
    """The loss weight x sum of squares / 2 and its gradient."""

    def evaluate(image, *, gradient=True):
        value = 0.5 * weight * float(np.square(image, dtype=np.float64).sum())
        found = (weight * image).astype(np.float32) if gradient else None
        return Evaluation(image, Losses({"style": value, "content": 0.0}), found)

    return evaluate


def test_losses_and_gradients_of_all_copies_add_up():
    image = picture(21, 34)
    objective = WithCopies(squares(1.0), None, squares(3.0))
    quarter = halved(halved(image))
    found = objective(image)
    assert found.losses["style"] == pytest.approx(squares(1.0)(image).losses.total + squares(3.0)(quarter).losses.total)
    expected = image + spread(spread(3.0 * quarter, (10, 17, 3)), image.shape)
    assert relative(found.gradient, expected) < 1e-6
    assert objective(image, gradient=False).gradient is None
    assert objective(image, gradient=False).losses["style"] == found.losses["style"]
    assert WithCopies(squares(1.0))(image).losses["style"] < 0.99 * found.losses["style"]
