"""The loss terms against the same formulas written in NumPy, in float64."""

import numpy as np
import pytest
import tensorflow as tf

from neurotransfer.system.errors import NotFiniteError
from neurotransfer.system.size import Size
from neurotransfer.transfer.losses import (
    combine,
    content_loss,
    gram,
    range_loss,
    second_moments,
    similarity_to_distance,
    squared_distance,
    style_loss,
    total_variation,
    whiten,
)
from neurotransfer.transfer.settings import Settings
from neurotransfer.vgg.network import VGG19
from tests.conftest import objective_of, relative


@pytest.fixture
def features():
    return np.random.default_rng(1).normal(size=(1, 5, 7, 4))


def test_gram_is_the_mean_of_outer_products_over_channels(features):
    expected = sum(np.outer(row, row) for row in features.reshape(-1, 4)) / (5 * 7 * 4)
    found = gram(tf.constant(features, tf.float32)).numpy()
    assert relative(found, expected) < 1e-6
    assert relative(found, expected * (5 * 7)) > 0.5  # a sum instead of a mean must not pass


def test_gram_gradient_against_finite_differences(features):
    upstream = np.random.default_rng(2).normal(size=(4, 4))  # not symmetric: both halves count
    rows = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        value = tf.reduce_sum(gram(rows) * upstream)
    found = tape.gradient(value, rows).numpy()
    for place in [(0, 0, 0, 0), (0, 2, 3, 1), (0, 4, 6, 3)]:
        nudge = np.zeros_like(features)
        nudge[place] = 1e-6
        difference = gram(tf.constant(features + nudge)) - gram(tf.constant(features - nudge))
        assert found[place] == pytest.approx(np.sum(difference.numpy() * upstream) / 2e-6, rel=1e-5)


@pytest.mark.parametrize("part", [None, (1, 4, 2, 7)])
def test_moments_of_masks_and_their_gradient(features, part):
    top, bottom, left, right = part or (0, 5, 0, 7)
    masks = np.random.default_rng(3).uniform(size=(1, bottom - top, right - left, 2))
    upstream = np.random.default_rng(2).normal(size=(3, 4, 4))
    values, owned = tf.constant(features), None if part is None else tf.constant(part)
    with tf.GradientTape() as tape:
        tape.watch(values)
        moments = second_moments(values, owned, tf.constant(masks))[1]
        product = tf.reduce_sum(moments * upstream)
    inner = features[:, top:bottom, left:right]
    factors = np.concatenate([np.ones_like(masks[..., :1]), masks], axis=-1)
    assert relative(moments, np.einsum("bhwk,bhwi,bhwj->kij", factors, inner, inner)) < 1e-12
    assert relative(moments[1], moments[0]) > 0.1
    expected = np.zeros_like(features)
    both = upstream + upstream.transpose(0, 2, 1)
    expected[:, top:bottom, left:right] = np.einsum("bhwk,bhwi,kij->bhwj", factors, inner, both)
    assert relative(tape.gradient(product, values), expected) < 1e-12


@pytest.mark.parametrize("border", [1.0, 7.0])
@pytest.mark.parametrize("part", [None, (1, 4, 2, 6), (0, 4, 2, 7)])
def test_total_variation_gradient_against_finite_differences(features, part, border):
    image = features[..., :3] * 50
    owned = None if part is None else tf.constant(part)
    pixels = tf.constant(image)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        value = total_variation(pixels, Size(7, 5), owned, border)
    found = tape.gradient(value, pixels).numpy()
    assert np.ptp(found) > 0
    for place in np.ndindex(image.shape):
        nudge = np.zeros_like(image)
        nudge[place] = 1e-5
        after, before = (
            total_variation(tf.constant(moved), Size(7, 5), owned, border) for moved in (image + nudge, image - nudge)
        )
        difference = after - before
        assert found[place] == pytest.approx(float(difference) / 2e-5, rel=1e-4, abs=1e-6)


def test_a_gram_matrix_without_numbers_is_a_sentence():
    with pytest.raises(NotFiniteError, match="weights are damaged"):
        whiten(tf.constant([[1.0, np.nan], [np.nan, 1.0]]), 0.25)
    assert whiten(tf.constant([[1.0, 0.5], [0.5, 1.0]]), 0.25).basis.shape == (2, 2)


def test_loss_forms(features):
    other = np.random.default_rng(3).normal(size=features.shape)
    first, second = tf.constant(features), tf.constant(other)
    mean_square = squared_distance(first, second) / features.size
    assert float(content_loss(mean_square, "mean")) == pytest.approx(np.mean((features - other) ** 2))
    assert float(content_loss(mean_square, "gatys")) == pytest.approx(np.mean((features - other) ** 2) / 4)
    matrices = gram(first).numpy(), gram(second).numpy()
    squares = (matrices[0] - matrices[1]) ** 2
    assert float(style_loss(gram(first), gram(second), None, "mean")) == pytest.approx(squares.sum() / 16)
    assert float(style_loss(gram(first), gram(second), None, "gatys")) == pytest.approx(squares.sum() / 4)
    assert float(content_loss(mean_square, "norm")) == pytest.approx(
        (np.mean((features - other) ** 2) / 4) ** 0.5, rel=1e-5
    )
    norm = float(style_loss(gram(first), gram(second), None, "norm"))
    assert norm == pytest.approx((squares.sum() / 4) ** 0.5, rel=1e-3)


@pytest.mark.parametrize("form", ["gatys", "mean", "norm"])
def test_content_counts_steeply_beyond_its_limit(form):
    def both(square, limit):
        value = tf.constant(square)
        with tf.GradientTape() as tape:
            tape.watch(value)
            loss = content_loss(value, form, limit)
        return float(loss), float(tape.gradient(loss, value))

    assert both(4.0, 5.0) == both(4.0, None)  # below the limit nothing changes
    (_, plain), (_, steep) = both(4.0, None), both(4.0, 3.9)
    assert steep > 4 * plain
    limited = [both(square, 4.0)[0] for square in (4.0, 4.0004)]
    assert limited[1] - limited[0] == pytest.approx(0.0004 * plain, rel=0.2)  # no jump at the limit


def test_a_likeness_is_the_distance_of_features_of_that_likeness():
    photo, other = np.random.default_rng(4).normal(size=(2, 4000))
    other -= photo * (other @ photo) / (photo @ photo)
    other *= np.linalg.norm(photo) / np.linalg.norm(other)
    alike = 3.0 * (0.6 * photo + 0.8 * other)  # of cosine 0.6 with the photo, and three times as strong
    found = similarity_to_distance(0.6, np.mean(photo**2), np.mean(alike**2))
    assert found == pytest.approx(np.mean((alike - photo) ** 2))


def test_likeness_is_measured_against_photo_and_painting(weights):
    """The content term of an objective, from the network's features and the formula in NumPy."""
    generator = np.random.default_rng(6)
    photo, painting, picture = (generator.uniform(0, 255, size).astype(np.float32) for size in [(33, 47, 3)] * 3)
    painting, network = painting[:20] * 0.3, VGG19(weights, "avg")

    def features(image):
        return network(tf.constant(image[np.newaxis]), ("conv2_2",))["conv2_2"].numpy().astype(np.float64)

    def term(likeness):
        settings = Settings(content_layers={"conv2_2": 1.0}, content_weight=1.0, likeness=likeness)
        return objective_of(network, settings, photo, painting)(picture).losses["content"]

    strengths = [np.mean(features(image) ** 2) for image in (photo, painting)]
    distance = np.sqrt(np.mean((features(picture) - features(photo)) ** 2)) / 2
    limit = np.sqrt(sum(strengths) - 2 * 0.9 * np.sqrt(np.prod(strengths))) / 2
    assert distance > limit
    assert term(0.0) == pytest.approx(distance, rel=1e-4)
    assert term(0.9) == pytest.approx(distance + 150 * limit * (distance / limit - 1) ** 2, rel=1e-3)


@pytest.mark.parametrize("part", [None, (1, 4, 2, 6)])
def test_range_loss_and_its_gradient(part):
    image = np.random.default_rng(5).uniform(0, 255, (1, 5, 7, 3))
    image[0, 2, 3] = 0.0, 255.0, 128.0
    owned = None if part is None else tf.constant(part)
    inside = image if part is None else image[:, 1:4, 2:6]
    depth = np.maximum(inside - 245, 0) + np.maximum(10 - inside, 0)
    pixels = tf.constant(image)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        value = range_loss(pixels, Size(7, 5), owned)
    assert float(value) == pytest.approx(np.sum(depth**2) / (5 * 7 * 3))
    expected = np.zeros_like(image)
    target = expected if part is None else expected[:, 1:4, 2:6]
    target[:] = 2 * depth * np.sign(inside - 128) / (5 * 7 * 3)
    assert np.allclose(tape.gradient(value, pixels), expected)
    assert float(range_loss(tf.constant(image.clip(10, 245)), Size(7, 5), owned)) == 0.0


def test_joint_is_one_distance_over_all_layers():
    layers = [tf.constant(9.0), tf.constant(16.0)]
    assert float(combine(layers, "joint")) == pytest.approx(5.0)
    assert float(combine(layers, "norm")) == float(combine(layers, "gatys")) == 25.0


def test_a_distance_of_nothing_has_a_finite_derivative(features):
    image = tf.constant(features, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = content_loss(squared_distance(image, tf.constant(features, tf.float32)), "norm")
    assert np.isfinite(tape.gradient(value, image).numpy()).all()


def test_total_variation_counts_each_direction_by_its_own_pairs():
    image = np.zeros((1, 3, 5, 3), dtype=np.float32)
    image[0, 1, 2] = 6.0  # one white pixel: 2 vertical pairs of 10, 2 horizontal pairs of 12
    assert float(total_variation(tf.constant(image), Size(5, 3))) == pytest.approx(36 * 2 / 10 + 36 * 2 / 12)


def test_total_variation_counts_more_along_the_border_and_only_there():
    image = np.random.default_rng(3).uniform(0, 255, (1, 12, 17, 3))
    down, right = (np.square(np.diff(image, axis=axis)) for axis in (1, 2))
    down[:, [0, 1, 2, -3, -2, -1]] *= 7.0
    right[:, :, [0, 1, 2, -3, -2, -1]] *= 7.0
    expected = down.mean() + right.mean()
    assert float(total_variation(tf.constant(image), Size(17, 12), None, 7.0)) == pytest.approx(expected, rel=1e-9)
    assert float(total_variation(tf.constant(image), Size(17, 12))) < expected / 2
    # In two windows that overlap, neither's inner edge is a border.
    left, right_part = image[:, :, :12], image[:, :, 5:]
    shares = [
        total_variation(tf.constant(window), Size(17, 12), tf.constant(part), 7.0)
        for window, part in ((left, (0, 12, 0, 8)), (right_part, (0, 12, 3, 12)))
    ]
    assert float(sum(shares)) == pytest.approx(expected, rel=1e-9)


def test_total_variation_of_a_line_counts_its_only_direction():
    line = tf.constant(np.array([0, 3, 3, 3, 0], dtype=np.float32).reshape(1, 1, 5, 1) * np.ones(3, dtype=np.float32))
    assert float(total_variation(line, Size(5, 1))) == pytest.approx(9 * 2 / 4)


def test_losses_do_not_depend_on_the_picture_size(features):
    """The same picture laid twice side by side has the same losses."""
    wide = np.concatenate([features, features], axis=2)
    assert relative(gram(tf.constant(wide)).numpy(), gram(tf.constant(features)).numpy()) < 1e-12


def test_whitened_style_loss_is_a_sum_over_the_paintings_eigenvectors(features):
    other = np.random.default_rng(3).normal(size=features.shape) * [3.0, 1.0, 0.5, 0.1]
    target, found = gram(tf.constant(other, tf.float32)), gram(tf.constant(features, tf.float32))
    values, vectors = np.linalg.eigh(target.numpy().astype(np.float64))
    difference = found.numpy() - target.numpy()
    expected = 0.0
    for i in range(4):
        for j in range(4):
            weight = ((values[i] + values[j]) / 2 / values.max() + 1e-2) ** -0.25
            expected += (weight * vectors[:, i] @ difference @ vectors[:, j]) ** 2 / 4
    whitened = float(style_loss(found, target, whiten(target, 0.25), "gatys"))
    assert whitened == pytest.approx(expected, rel=1e-4)
    assert whitened != pytest.approx(float(style_loss(found, target, None, "gatys")), rel=0.02)
    assert float(style_loss(found, target, whiten(target, 0.0), "gatys")) == pytest.approx(
        float(style_loss(found, target, None, "gatys")), rel=1e-4
    )
