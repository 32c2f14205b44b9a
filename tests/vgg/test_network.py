"""What the network sees beyond the frame, and where it is cut."""

import numpy as np
import pytest
import tensorflow as tf

from neurotransfer.vgg.layers import LAYERS, up_to_last
from neurotransfer.vgg.network import VGG19, framed
from neurotransfer.vgg.weights import Weights

FLAT = np.full((1, 40, 56, 3), (200.0, 120.0, 40.0), dtype=np.float32)


@pytest.mark.parametrize(
    ("padding", "flat"), [("replicate", True), ("reflect", True), ("first-block", False), ("zeros", False)]
)
def test_a_flat_picture_has_flat_features_unless_the_frame_shows(weights, padding, flat):
    features = VGG19(weights, "avg", padding=padding)(tf.constant(FLAT), ("conv3_1",))["conv3_1"].numpy()[0]
    spread = np.ptp(features, axis=(0, 1)).max() / features.max()
    assert bool(spread < 1e-4) == flat


def test_replicated_rows_are_those_of_a_picture_enlarged_by_its_outermost_row(weights):
    image = np.random.default_rng(1).uniform(0, 255, (1, 20, 24, 3)).astype(np.float32)
    wide = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    found = VGG19(weights, "avg", padding="replicate")(tf.constant(image), ("conv1_1",))["conv1_1"].numpy()
    expected = VGG19(weights, "avg")(tf.constant(wide), ("conv1_1",))["conv1_1"].numpy()[:, 1:-1, 1:-1]
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-2)
    plain = VGG19(weights, "avg")(tf.constant(image), ("conv1_1",))["conv1_1"].numpy()
    assert not np.allclose(plain, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(("layer", "same"), [("conv1_2", "replicate"), ("conv2_1", None)])
def test_the_first_block_alone_repeats_the_frame(weights, layer, same):
    image = np.random.default_rng(1).uniform(0, 255, (1, 20, 24, 3)).astype(np.float32)
    found = {
        padding: VGG19(weights, "avg", padding=padding)(tf.constant(image), (layer,))[layer].numpy()
        for padding in ("first-block", "replicate", "zeros")
    }
    equal = [name for name in ("replicate", "zeros") if np.array_equal(found["first-block"], found[name])]
    assert equal == ([same] if same else [])
    # Deeper, zeros are all that differs: away from the frame the features are those of the replicated picture.
    assert np.allclose(found["first-block"][:, 1:-1, 1:-1], found["replicate"][:, 1:-1, 1:-1], rtol=1e-5)


@pytest.mark.parametrize(("padding", "mode"), [("replicate", "SYMMETRIC"), ("reflect", "REFLECT")])
def test_the_frame_is_that_of_a_mirroring_pad(padding, mode):
    """TensorFlow's own operation, forward and backward, as the independent judge."""
    image = tf.constant(np.random.default_rng(1).uniform(-1, 1, (1, 5, 7, 2)).astype(np.float32))
    upstream = tf.constant(np.random.default_rng(2).uniform(-1, 1, (1, 7, 9, 2)).astype(np.float32))
    results = []
    for frame in (
        lambda x: framed(x, int(padding == "reflect")),
        lambda x: tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode),
    ):
        with tf.GradientTape() as tape:
            tape.watch(image)
            whole = frame(image)
        results.append((whole.numpy(), tape.gradient(whole, image, upstream).numpy()))
    assert np.array_equal(results[0][0], results[1][0])
    assert np.allclose(results[0][1], results[1][1], atol=1e-6)
    zeros = tf.pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]]).numpy()
    assert not np.array_equal(results[0][0], zeros)


@pytest.mark.parametrize("padding", ["zeros", "first-block", "replicate", "reflect"])
def test_a_line_one_pixel_high_passes(weights, padding):
    line = tf.constant(FLAT[:, :1])
    assert VGG19(weights, "avg", padding=padding)(line, ("conv5_1",))["conv5_1"].shape == (1, 1, 4, 512)


def test_only_the_layers_needed_have_to_be_there(weights):
    needed = up_to_last(("conv2_1", "conv1_1"))
    assert needed == ("conv1_1", "conv1_2", "conv2_1")
    part = Weights({name: weights.layers[name] for name in needed}, weights.mean_pixel, weights.source)
    some = VGG19(part, "avg")(tf.constant(FLAT), ("conv2_1",))["conv2_1"].numpy()
    assert np.array_equal(some, VGG19(weights, "avg")(tf.constant(FLAT), ("conv2_1",))["conv2_1"].numpy())
    assert up_to_last(("conv5_4",)) == LAYERS
