"""A gray photo and a gray painting make a gray picture; sepia stays sepia."""

import io

import numpy as np
import pytest
from PIL import Image

from neurotransfer.system.array import Array
from neurotransfer.transfer.evaluation import Evaluation, Losses
from neurotransfer.transfer.presets import preset
from neurotransfer.transfer.stylize import stylize
from neurotransfer.transfer.tones import in_tones, tones_of

SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])


def colored(seed: int) -> Array:
    return np.random.default_rng(seed).uniform(0.0, 255.0, (64, 64, 3)).astype(np.float32)


def gray(seed: int, side: int = 64) -> Array:
    small = np.random.default_rng(seed).uniform(0.0, 255.0, (8, 8)).astype(np.float32)
    large = np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))
    return np.repeat(np.clip(large, 0.0, 255.0)[..., np.newaxis], 3, axis=2)


def sepia(seed: int, side: int = 64) -> Array:
    """As editors make it: brights are cut off at 255, so that the tones bend."""
    return np.minimum(gray(seed, side) @ SEPIA.T, 255.0).astype(np.float32)


def as_jpeg(picture: Array, quality: int) -> Array:
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).astype(np.float32)


def spread(picture: Array) -> float:
    return float(np.ptp(picture, axis=-1).max())


@pytest.mark.parametrize("name", ["default", "fast", "classic"])
def test_gray_stays_gray(weights, name):
    settings = preset(name, steps=3, size=64, precision="float32")
    *_, last = stylize(gray(1), gray(2), settings, weights=weights)
    assert spread(last.image) == 0.0
    *_, last = stylize(gray(1), sepia(2), settings, weights=weights)
    assert spread(last.image) > 20.0


@pytest.mark.parametrize("name", ["default", "fast"])
def test_sepia_stays_sepia(weights, name):
    """Red above green above blue, as in all of the painting."""
    settings = preset(name, steps=3, size=64, precision="float32")
    for photo in (gray(1), sepia(1)):
        *_, last = stylize(photo, sepia(2), settings, weights=weights)
        red, green, blue = np.moveaxis(last.image, -1, 0)
        assert (red >= green - 0.01).all()
        assert (green >= blue - 0.01).all()
        assert np.ptp(last.image) > 100.0


@pytest.mark.parametrize("name", ["default", "fast"])
def test_a_resumed_run_in_sepia_equals_the_unbroken_one(weights, name):
    settings = preset(name, steps=4, size=64, precision="float32")
    run = stylize(sepia(1), sepia(2), settings, weights=weights)
    checkpoint = None
    for step in run:
        if step.index == 2:
            checkpoint = run.checkpoint()
    *_, again = stylize(sepia(1), sepia(2), settings, weights=weights, checkpoint=checkpoint)
    assert np.array_equal(again.image, step.image)
    assert not np.array_equal(checkpoint.image, step.image)


def test_a_photo_in_color_or_a_painting_in_color_is_left_alone(weights):
    def objective(image, *, gradient=True):
        return Evaluation(image, Losses({}), image)

    color = colored(3)
    assert in_tones(objective, color, gray(1)) is objective
    assert in_tones(objective, gray(1), color) is objective
    assert in_tones(objective, gray(1), gray(2)) is not objective


def test_a_seal_is_a_color():
    ink = gray(4, 128)
    assert tones_of(ink) is not None
    ink[5:12, 5:12] = (180.0, 20.0, 30.0)  # 3 of 1000 pixels
    assert tones_of(ink) is None


@pytest.mark.parametrize("quality", [95, 80])
def test_a_jpeg_of_one_tone_has_one_tone(quality):
    assert tones_of(as_jpeg(sepia(5, 256), quality)) is not None
    assert tones_of(as_jpeg(gray(5, 256), quality)) is not None
    assert tones_of(as_jpeg(colored(5), quality)) is None


def test_the_gradient_leads_along_the_tones():
    """A step against the gradient of a weighted sum changes the sum by its part along gray, by hand the mean."""
    weights = np.array([3.0, 0.0, 0.0], dtype=np.float32)

    def objective(image, *, gradient=True):
        return Evaluation(image, Losses({}), np.broadcast_to(weights, image.shape))

    found = in_tones(objective, gray(1), gray(2))(gray(3))
    assert found.gradient == pytest.approx(np.ones((64, 64, 3)), abs=1e-5)
    assert objective(gray(3)).gradient.max() == 3.0
