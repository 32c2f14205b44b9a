"""Recolouring gives the palette's mean and covariance, and nothing else."""

import numpy as np
import pytest

from neurotransfer.transfer.color import recolor
from tests.conftest import relative


@pytest.fixture
def pictures():
    generator = np.random.default_rng(5)
    mix = np.array([[20.0, 5, 0], [4, 12, 3], [0, 2, 18]])
    image = 128 + generator.normal(size=(40, 50, 3)).clip(-3, 3) @ mix
    palette = np.array([90.0, 120, 140]) + generator.normal(size=(30, 30, 3)).clip(-3, 3) @ mix[:, ::-1] * 0.6
    return image.astype(np.float32), palette.astype(np.float32)


def test_mean_and_covariance_become_the_palettes(pictures):
    image, palette = pictures
    found = recolor(image, palette).reshape(-1, 3)
    assert found.mean(axis=0) == pytest.approx(palette.reshape(-1, 3).mean(axis=0), abs=0.1)
    assert relative(np.cov(found.T), np.cov(palette.reshape(-1, 3).T)) < 0.01
    assert relative(np.cov(image.reshape(-1, 3).T), np.cov(palette.reshape(-1, 3).T)) > 0.2


def test_its_own_colors_leave_a_picture_alone(pictures):
    image, palette = pictures
    assert np.abs(recolor(image, image) - image).max() < 0.01
    assert np.abs(recolor(image, palette) - image).max() > 10


def test_a_gray_photo_takes_the_mean_and_stays_finite(pictures):
    grey = np.full((20, 20, 3), 100, dtype=np.float32)
    found = recolor(grey, pictures[1])
    assert found.reshape(-1, 3).mean(axis=0) == pytest.approx(pictures[1].reshape(-1, 3).mean(axis=0), abs=0.1)
    assert found.std(axis=(0, 1)).max() < 0.01


def test_the_result_stays_in_range(pictures):
    wild = np.random.default_rng(6).choice([0.0, 255.0], size=(20, 20, 3)).astype(np.float32)
    found = recolor(pictures[0], wild)
    assert found.min() >= 0
    assert found.max() <= 255
