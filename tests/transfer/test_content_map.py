"""The content map: more at edges and in the middle, less in flat places, the same at any size."""

import numpy as np
import pytest

from neurotransfer import load_image
from neurotransfer.image_io.arrays import resize
from neurotransfer.system.size import Size
from neurotransfer.transfer.content_map import content_map
from tests.conftest import IMAGES


@pytest.fixture(scope="module")
def half_flat():
    """Stripes on the left, one gray on the right."""
    photo = np.full((300, 400, 3), 128.0, np.float32)
    photo[:, :200] += 80.0 * np.sign(np.sin(np.arange(200) / 6.0))[:, np.newaxis].astype(np.float32)
    return photo


def test_edges_count_more_than_flat_places(half_flat):
    weights = content_map(half_flat, 0.8)
    assert weights.mean() == pytest.approx(1.0, abs=1e-4)
    assert weights[:, :150].mean() > 2.0 * weights[:, 250:].mean()
    assert weights.min() >= 0.2 - 1e-4
    assert np.all(content_map(half_flat, 0.0) == 1.0)


def test_a_photo_of_one_tone_counts_in_the_middle():
    weights = content_map(np.full((90, 160, 3), 7.0, np.float32), 0.5)
    assert weights[45, 80] > 1.2 > 0.8 > weights[0, 0] > 0.49


def test_the_map_is_the_same_at_any_size():
    photo = load_image(IMAGES / "astronaut.jpg")
    small, large = (content_map(resize(photo, Size(side, side)), 0.8) for side in (512, 1400))
    assert large.shape == (1400, 1400)
    assert large.mean() == pytest.approx(1.0, abs=1e-4)
    reduced = resize(np.repeat(large[:, :, np.newaxis], 3, axis=2), Size(512, 512))[:, :, 0]
    assert np.abs(small - reduced).max() < 0.15
    assert np.abs(small - small[::-1]).max() > 0.5
