"""Tiles against the whole frame: the same losses and gradient, whatever the size, layers, pooling and padding."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from neurotransfer.system.size import Size
from neurotransfer.transfer import tiles
from neurotransfer.transfer.losses import gram
from neurotransfer.transfer.presets import CONV4_2, FIVE_LAYERS
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.sizes import needed_layers
from neurotransfer.transfer.tiles import plan_tiles, reach
from neurotransfer.vgg.layers import stride
from neurotransfer.vgg.network import VGG19
from neurotransfer.vgg.weights import Weights
from tests.conftest import objective_of, relative

DEEP = Settings(content_layers=CONV4_2, style_layers=FIVE_LAYERS, padding="zeros")


def picture(width, height, seed):
    """Return smooth colours with noise on top: something for every layer."""
    generator = np.random.default_rng(seed)
    coarse = generator.uniform(0, 255, (height // 8 + 1, width // 8 + 1, 3)).repeat(8, axis=0).repeat(8, axis=1)
    noisy = coarse[:height, :width] + generator.normal(0, 20, (height, width, 3))
    return noisy.clip(0, 255).astype(np.float32)


def evaluate(weights, settings, size, max_tile_pixels=None, winograd=False):
    network = VGG19(weights, settings.pooling, "float32", settings.padding, winograd=winograd)
    inputs = [picture(*size, 1), picture(150, 130, 2)]
    return objective_of(network, settings, *inputs, max_tile_pixels)(picture(*size, 3))


def differences(found, expected):
    losses = [abs(found.losses[name] - value) / abs(value) for name, value in expected.losses.items() if value]
    return max(losses), relative(found.gradient, expected.gradient)


@pytest.mark.parametrize(
    ("settings", "size", "max_tile_pixels"),
    [
        (Settings(), (250, 131), 14_000),
        (Settings(padding="replicate"), (250, 131), 14_000),
        (Settings(padding="reflect", objective="gatys"), (131, 250), 14_000),
        (Settings(pooling="max", padding="zeros", whitening=0.25, objective="norm"), (203, 149), 18_000),
        (DEEP, (337, 64), 15_000),
        (Settings(likeness=0.95), (131, 250), 14_000),
        (Settings(by_brightness=0.5), (250, 131), 14_000),
        (Settings(content_layers=(("conv2_2", 1.0),), style_layers=(("conv1_1", 1.0),)), (99, 65), 1_500),
    ],
)
def test_tiles_equal_the_whole_frame(weights, settings, size, max_tile_pixels):
    layers = needed_layers(settings)
    assert len(plan_tiles(Size(*size), layers, max_tile_pixels)) > 1
    whole, tiled = evaluate(weights, settings, size), evaluate(weights, settings, size, max_tile_pixels)
    losses, gradient = differences(tiled, whole)
    assert losses < 1e-5
    assert gradient < 1e-5


def test_winograd_tiles_have_the_same_losses_but_round_differently(weights):
    """As they do in bfloat16: the losses are the same, single units are on in one and off in the other."""
    settings, size = Settings(), (260, 131)
    whole, tiled = evaluate(weights, settings, size, None, True), evaluate(weights, settings, size, 14_000, True)
    losses, gradient = differences(tiled, whole)
    assert losses < 1e-5
    assert 1e-6 < gradient < 1e-3


@pytest.mark.parametrize(("halo", "exact"), [(80, True), (64, False)])
def test_conv5_1_needs_a_halo_of_more_than_64(weights, monkeypatch, halo, exact):
    """Real kernels look mostly ahead; these look only to the left: a column missing there is all that counts."""
    sideways = {}
    for name, (kernel, bias) in weights.layers.items():
        shifted = np.zeros_like(kernel)
        shifted[1, 0] = 1 / kernel.shape[2]
        sideways[name] = shifted, np.full_like(bias, 150.0 if name == "conv1_1" else 0.0)  # nothing below zero
    leaning = Weights(sideways, weights.mean_pixel, weights.source)
    whole = evaluate(leaning, DEEP, (337, 64))
    monkeypatch.setattr(tiles, "reach", lambda _: (halo, 16))
    _, gradient = differences(evaluate(leaning, DEEP, (337, 64), 15_000), whole)
    assert gradient < 1e-5 if exact else gradient > 0.01


@pytest.mark.parametrize("layer", ["conv2_1", "conv4_1"])
def test_the_mean_of_tile_gram_matrices_is_the_pictures(weights, layer):
    image, network, size = picture(250, 131, 3)[np.newaxis], VGG19(weights, "avg"), (250, 131)
    whole = gram(network(tf.constant(image), (layer,))[layer]).numpy()
    total, step = np.zeros_like(whole), stride(layer)
    for (rows, columns), owned in plan_tiles(Size(*size), (layer,), 14_000):
        top, bottom, left, right = (-(-edge // step) for edge in owned)
        features = network(tf.constant(image[:, rows, columns]), (layer,))[layer][:, top:bottom, left:right]
        alone = gram(features).numpy()
        assert relative(alone, whole) > 0.01
        total += alone * features.shape[1] * features.shape[2]
    assert relative(total / (-(-250 // step) * -(-131 // step)), whole) < 1e-5


@pytest.mark.parametrize("size", [(1600, 1200), (1001, 777), (333, 2049), (512, 512)])
@pytest.mark.parametrize("layer", ["conv1_1", "conv2_2", "conv4_2", "conv5_1"])
@pytest.mark.parametrize("max_tile_pixels", [70_000, 200_000, 1_500_000])
def test_owned_parts_divide_the_picture(size, layer, max_tile_pixels):
    width, height = size
    halo, step = reach((layer,))
    owners = np.zeros((height, width), int)
    plan = plan_tiles(Size(*size), (layer,), max_tile_pixels)
    shapes = set()
    for (rows, columns), (top, bottom, left, right) in plan:
        owners[rows.start + top : rows.start + bottom, columns.start + left : columns.start + right] += 1
        shapes.add((rows.stop - rows.start, columns.stop - columns.start))
        for side, low, high, length in ((rows, top, bottom, height), (columns, left, right, width)):
            assert side.start % step == 0
            assert side.start + low == 0 or (low >= halo and (side.start + low) % step == 0)
            inner = (side.stop - side.start) // step * step
            assert side.start + high == length or inner - high >= halo
    assert (owners == 1).all()
    assert len(shapes) == 1
    assert len(plan) == 1 or max(itertools.starmap(int.__mul__, shapes)) <= max_tile_pixels


def test_a_picture_that_fits_is_one_tile():
    assert len(plan_tiles(Size(400, 300), ("conv4_2",), None)) == 1
    assert len(plan_tiles(Size(400, 300), ("conv4_2",), 120_000)) == 1
    assert len(plan_tiles(Size(400, 300), ("conv4_2",), 119_999)) > 1


def test_the_halo_is_what_the_layers_see():
    assert reach(("conv5_1",)) == (80, 16)  # 70 pixels
    assert reach(("conv1_1", "conv4_2")) == (40, 8)  # 38 pixels
    assert reach(("conv1_1",)) == (1, 1)


@pytest.mark.parametrize("max_tile_pixels", [None, 14_000])
def test_places_count_as_much_as_they_weigh(weights, max_tile_pixels):
    """The content loss of the form ``mean`` is the mean over positions of the weight times the squared difference."""
    settings = Settings(
        content_layers=(("conv2_2", 1.0),), content_weight=1.0, likeness=0.0, objective="mean", padding="zeros"
    )
    network = VGG19(weights, "avg", "float32", "zeros", winograd=False)
    photo, painting, image = (picture(250, 131, seed) for seed in (1, 2, 3))
    places = np.linspace(0.0, 2.0, 250, dtype=np.float32) * np.ones((131, 1), np.float32)
    features = [network(tf.constant(array[np.newaxis]), ("conv2_2",))["conv2_2"].numpy()[0] for array in (photo, image)]
    squares = np.square(features[1] - features[0]).mean(axis=2)
    blocks = [places[:, 2 * column : 2 * column + 2].mean() for column in range(125)]
    found = objective_of(network, settings, photo, painting, max_tile_pixels, places)(image).losses["content"]
    assert found == pytest.approx(float((squares * np.array(blocks)).mean()), rel=1e-5)
    alike = objective_of(network, settings, photo, painting, max_tile_pixels)(image).losses["content"]
    assert alike == pytest.approx(float(squares.mean()), rel=1e-5)
    assert abs(found - alike) > 1e-3 * alike
