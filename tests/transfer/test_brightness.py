"""Regions by brightness, on pictures whose dark and bright places are known."""

import numpy as np
import pytest

from neurotransfer.transfer.brightness import brightness_masks
from neurotransfer.transfer.settings import Settings
from neurotransfer.vgg.network import VGG19
from tests.conftest import objective_of

DARK, MIDDLE, BRIGHT = range(3)


def bands(*levels, seed=0):
    """Return a picture (96, 128, 3) of vertical bands with a little noise."""
    columns = np.repeat(levels, 128 // len(levels) + 1)[:128]
    noise = np.random.default_rng(seed).normal(0, 3, (96, 128, 3))
    return (columns[np.newaxis, :, np.newaxis] + noise).clip(0, 255).astype(np.float32)


def test_dark_places_of_the_photo_belong_with_those_of_the_painting():
    of_photo, of_painting = brightness_masks(bands(20, 120, 220), bands(230, 130, 30, seed=1))
    for masks in (of_photo, of_painting):
        assert masks.shape == (96, 128, 3)
        assert np.allclose(masks.sum(axis=-1), 1.0)
        assert masks.min() >= 0.0
    for masks, order in ((of_photo, (DARK, MIDDLE, BRIGHT)), (of_painting, (BRIGHT, MIDDLE, DARK))):
        assert [int(masks[48, column].argmax()) for column in (20, 64, 108)] == list(order)
    assert np.allclose(of_painting.mean(axis=(0, 1)), 1 / 3, atol=0.05)


def test_masks_are_the_same_at_any_size():
    small = [bands(20, 120, 220), bands(230, 130, 30)]
    large = [picture.repeat(2, axis=0).repeat(2, axis=1) for picture in small]
    for at_small, at_large in zip(brightness_masks(*small), brightness_masks(*large), strict=True):
        assert np.abs(at_large[::2, ::2] - at_small).mean() < 0.02


def test_pictures_of_one_tone_have_masks():
    flat = np.full((40, 50, 3), 90.0, np.float32)
    for masks in brightness_masks(flat, flat):
        assert np.allclose(masks.sum(axis=-1), 1.0)


def test_rough_darks_and_smooth_brights_do_not_change_places(weights):
    # The painting is rough where it is dark. Of two pictures with the same strokes, one is rough in the wrong place.
    rough = np.random.default_rng(4).normal(0, 20, (96, 64, 3)).astype(np.float32)
    painting, wrong = bands(80, 170), bands(80, 170)
    painting[:, :64] += rough
    wrong[:, 64:] += rough
    whole, half, apart = (style_losses(weights, share, painting, painting, wrong) for share in (0.0, 0.5, 1.0))
    for right, swapped in (whole, half, apart):
        assert right < 0.01 * swapped
    assert apart[1] > 1.2 * whole[1]
    assert half[1] == pytest.approx((whole[1] + apart[1]) / 2.0, rel=1e-4)


def style_losses(weights, share, photo, *pictures):
    """Return the style losses of pictures; the photo is the painting."""
    settings = Settings(by_brightness=share, style_layers=(("conv1_1", 1.0),))
    network = VGG19(weights, settings.pooling, "float32", settings.padding)
    objective = objective_of(network, settings, photo, photo)
    return [objective(picture, gradient=False).losses["style"] for picture in pictures]
