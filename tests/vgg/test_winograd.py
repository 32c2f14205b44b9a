"""Winograd convolution against plain sums, in float64: the same results and derivatives with half of the products."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate

from neurotransfer.vgg import network as vgg
from neurotransfer.vgg.network import VGG19
from neurotransfer.vgg.winograd import WinogradConv
from tests.conftest import relative

GENERATOR = np.random.default_rng(0)
KERNEL = GENERATOR.normal(size=(3, 3, 5, 7)).astype(np.float32)
BIAS = GENERATOR.normal(size=7).astype(np.float32)


def summed(features, kernel=KERNEL, bias=BIAS):
    """SciPy's answer without a margin, (height, width, channels out)."""
    maps = [
        sum(correlate(features[..., i], kernel[..., i, o], "valid") for i in range(kernel.shape[2]))
        for o in range(kernel.shape[3])
    ]
    return np.stack(maps, -1) + bias


@pytest.mark.parametrize("margin", [0, 1])
@pytest.mark.parametrize("size", [(6, 8), (7, 9), (5, 10), (4, 11), (3, 3)])
def test_results_and_derivative_are_those_of_plain_sums(size, margin):
    features = GENERATOR.normal(size=(*size, 5))
    expected = summed(np.pad(features, [(margin, margin), (margin, margin), (0, 0)]))
    slope = GENERATOR.normal(size=expected.shape)
    image = tf.constant(features[np.newaxis], "float64")
    with tf.GradientTape() as tape:
        tape.watch(image)
        found = WinogradConv(KERNEL, BIAS, "float64")(image, margin)
        weighed = tf.reduce_sum(found * slope)
    assert found.shape == (1, *expected.shape)
    assert relative(found.numpy()[0], expected) < 1e-6  # its factors are made of float32
    assert relative(found.numpy()[0], expected - BIAS) > 0.01
    # The convolution is linear: its derivative along any change is the change that it makes.
    change = GENERATOR.normal(size=features.shape)
    moved = summed(np.pad(change, [(margin, margin), (margin, margin), (0, 0)]), bias=0)
    derivative = tape.gradient(weighed, image).numpy()[0]
    assert (derivative * change).sum() == pytest.approx((moved * slope).sum(), rel=1e-5)
    assert (derivative * change).sum() != pytest.approx((moved[..., ::-1] * slope).sum(), rel=1e-2)


@pytest.mark.parametrize(("dtype", "error"), [("float32", 3e-6), ("bfloat16", 1e-2)])
def test_its_rounding_is_about_twice_that_of_plain_sums(dtype, error):
    kernel = (GENERATOR.normal(size=(3, 3, 256, 64)) / 48).astype(np.float32)
    features = tf.constant(np.maximum(GENERATOR.normal(size=(1, 20, 24, 256)), 0), dtype)
    expected = tf.nn.conv2d(tf.cast(features, "float64"), tf.constant(kernel, "float64"), 1, "SAME").numpy()
    found = WinogradConv(kernel, np.zeros(64, np.float32), dtype)(features, 1)
    plain = tf.nn.conv2d(features, tf.constant(kernel, dtype), 1, "SAME")
    rounding, least = (relative(tf.cast(result, "float64").numpy(), expected) for result in (found, plain))
    assert least < rounding < min(4 * least, error)


def test_only_layers_with_many_channels_take_it(weights, monkeypatch):
    image = GENERATOR.uniform(0, 255, (1, 48, 40, 3)).astype(np.float32)
    taken = []

    class Counted(WinogradConv):
        def __call__(self, features, margin):
            taken.append(features.shape[-1])
            return super().__call__(features, margin)

    monkeypatch.setattr(vgg, "WinogradConv", Counted)
    layers = ("conv2_1", "conv4_2")
    fast, plain, exact = (
        VGG19(weights, "avg", dtype, winograd=winograd)(tf.constant(image, dtype), layers)
        for dtype, winograd in (("float32", True), ("float32", False), ("float64", True))
    )
    assert taken == [128, 128, 256, 256, 256]
    taken.clear()
    VGG19(weights, "avg", "bfloat16")(tf.constant(image), layers)
    assert taken == [256, 256, 256, 256, 512]
    assert np.array_equal(fast["conv2_1"], plain["conv2_1"])
    assert not np.array_equal(fast["conv4_2"], plain["conv4_2"])
    assert relative(fast["conv4_2"].numpy(), exact["conv4_2"].numpy()) < 1e-5
