"""Agreement with features, losses and pixel gradients computed elsewhere, and the mistakes that must not agree.

One unit of the golden picture stands on the corner of its ReLU with maximum pooling: conv3_4, position (4, 6), channel
84 has the pre-activation 2.5e-4 beside values up to 4.6e3, which is 5e-8 of them and less than float32 resolves.
Rounding decides whether its gradient counts. In float64 the whole gradient agrees; in float32 it must agree but for a
multiple of this one unit's gradient. Losses and features agree everywhere.
"""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from neurotransfer.transfer.losses import content_loss, gram, style_loss
from neurotransfer.transfer.presets import PRESETS
from neurotransfer.vgg.network import VGG19
from neurotransfer.vgg.weights import Weights
from tests.conftest import objective_of, relative

CLASSIC = PRESETS["classic"]
STYLE_LAYERS = tuple(dict(CLASSIC.style_layers))
CORNER = ("conv3_4", (0, 4, 6, 84))

pooling = pytest.mark.parametrize("pooling", ["avg", "max"])


def features_of(golden, weights, pooling, layers, picture="content"):
    network = VGG19(weights, pooling)
    image = tf.constant(golden[picture][np.newaxis], tf.float32)
    return {name: value.numpy()[0] for name, value in network(image, layers).items()}


def evaluation_of(golden, weights, pooling):
    settings = replace(CLASSIC, pooling=pooling)
    content, style, image = (golden[name].astype(np.float32) for name in ("content", "style", "image"))
    return objective_of(VGG19(weights, pooling), settings, content, style)(image)


def gradient_error(golden, weights, found, pooling):
    expected = golden[f"{pooling}.gradient"]
    if pooling == "avg":
        return relative(found, expected)
    layer, place = CORNER
    image = tf.constant(golden["image"][np.newaxis], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(image)
        unit = VGG19(weights, "max", dtype="float64")(image, (layer,))[layer][place]
    direction = tape.gradient(unit, image).numpy()[0]
    assert 0 < float(unit) < 1e-3
    difference = found - expected
    share = np.sum(difference * direction) / np.sum(direction**2)
    return np.linalg.norm(difference - share * direction) / np.linalg.norm(expected)


@pooling
def test_features(golden, weights, pooling):
    found = features_of(golden, weights, pooling, ("conv1_1", "conv4_2", "conv5_1"))
    assert relative(found["conv1_1"][..., :4], golden[f"{pooling}.conv1_1.first4"]) < 1e-4
    assert relative(found["conv4_2"], golden[f"{pooling}.conv4_2"]) < 1e-4
    assert relative(found["conv5_1"], golden[f"{pooling}.conv5_1"]) < 1e-4


@pooling
def test_gram_matrices_of_an_odd_size(golden, weights, pooling):
    assert golden["style"].shape == (50, 60, 3)  # 50 -> 25 -> 13 -> 7 -> 4: windows hang over the edge
    found = features_of(golden, weights, pooling, STYLE_LAYERS, "style")
    for name in STYLE_LAYERS:
        norm = np.linalg.norm(gram(tf.constant(found[name][np.newaxis])).numpy())
        assert norm == pytest.approx(golden[f"{pooling}.{name}.gram_norm"], rel=1e-4)


@pooling
def test_losses_and_gradient(golden, weights, pooling):
    found = evaluation_of(golden, weights, pooling)
    assert found.losses["content"] / 10.0 == pytest.approx(golden[f"{pooling}.content_loss"], rel=1e-4)
    assert found.losses["style"] / 40.0 == pytest.approx(golden[f"{pooling}.style_loss"], rel=1e-4)
    assert found.losses.total == pytest.approx(golden[f"{pooling}.total_loss"], rel=1e-4)
    assert gradient_error(golden, weights, found.gradient, pooling) < 1e-4


@pooling
def test_whole_gradient_in_float64(golden, weights, pooling):
    network = VGG19(weights, pooling, dtype="float64")
    content, style, image = (
        tf.constant(golden[name][np.newaxis], tf.float64) for name in ("content", "style", "image")
    )
    content_target = network(content, ("conv4_2",))["conv4_2"]
    style_targets = {name: gram(value) for name, value in network(style, STYLE_LAYERS).items()}
    with tf.GradientTape() as tape:
        tape.watch(image)
        features = network(image, (*STYLE_LAYERS, "conv4_2"))
        style_terms = [
            0.2 * style_loss(gram(features[name]), style_targets[name], None, "gatys") for name in STYLE_LAYERS
        ]
        mean_square = tf.reduce_mean((features["conv4_2"] - content_target) ** 2)
        total = 10.0 * content_loss(mean_square, "gatys") + 40.0 * tf.add_n(style_terms)
    assert float(total) == pytest.approx(golden[f"{pooling}.total_loss"], rel=1e-9)
    assert relative(tape.gradient(total, image).numpy()[0], golden[f"{pooling}.gradient"]) < 1e-6


@pooling
def test_poolings_differ(golden, weights, pooling):
    other = {"avg": "max", "max": "avg"}[pooling]
    found = features_of(golden, weights, pooling, ("conv4_2",))
    assert relative(found["conv4_2"], golden[f"{other}.conv4_2"]) > 0.1


def swapped_axes(weights):
    """The kernels as MatConvNet stores them: width before height."""
    return {name: (kernel.transpose(1, 0, 2, 3), bias) for name, (kernel, bias) in weights.layers.items()}


def blue_first(weights):
    """The first layer as Caffe stores it: BGR."""
    kernel, bias = weights.layers["conv1_1"]
    return {**weights.layers, "conv1_1": (kernel[:, :, ::-1], bias)}


@pooling
@pytest.mark.parametrize("mistake", [swapped_axes, blue_first])
def test_wrong_layouts_disagree(golden, weights, pooling, mistake):
    wrong = Weights(mistake(weights), weights.mean_pixel, weights.source)
    assert relative(features_of(golden, wrong, pooling, ("conv4_2",))["conv4_2"], golden[f"{pooling}.conv4_2"]) > 0.01
    found = evaluation_of(golden, wrong, pooling)
    assert found.losses.total != pytest.approx(golden[f"{pooling}.total_loss"], rel=0.01)
    assert gradient_error(golden, weights, found.gradient, pooling) > 0.01
