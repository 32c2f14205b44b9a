"""The width of strokes, known where they were drawn, and the style scale that follows from it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from neurotransfer import Settings
from neurotransfer.image_io.arrays import open_picture, pixels
from neurotransfer.transfer.strokes import choose_style_scale, stroke_width
from tests.conftest import IMAGES

SIDE = 700


def strokes(width, *, length=5, seed=7):
    """A square covered with strokes so many pixels wide, in random colors, places and directions."""
    random = np.random.default_rng(seed)
    painting = Image.new("RGB", (SIDE, SIDE), "gray")
    draw = ImageDraw.Draw(painting)
    for _ in range(2_000_000 // (width**2 * length)):
        x, y = random.random(2) * SIDE
        angle, reach = random.random() * np.pi, width * length
        color = tuple(int(value) for value in random.random(3) * 255)
        draw.line((x, y, x + reach * np.cos(angle), y + reach * np.sin(angle)), color, width)
    return open_picture(painting)


@pytest.mark.parametrize("length", [3, 6])
@pytest.mark.parametrize("width", [4, 7, 12, 20, 28])
def test_the_width_of_drawn_strokes_is_found(width, length):
    found = stroke_width(pixels(strokes(width, length=length), (512, 512)))
    assert found == pytest.approx(width / SIDE, rel=0.3)


def test_narrow_strokes_are_enlarged_and_wide_ones_made_smaller():
    scales = [choose_style_scale(Settings(), strokes(width)) for width in (4, 11, 17, 30)]
    assert scales[0] == 2.0
    assert 1.0 < scales[1] < 1.7
    assert scales[2] == 1.0
    assert 0.8 <= scales[3] < 0.9


@pytest.mark.parametrize(
    ("name", "low", "high"), [("starry_night", 0.9, 1.1), ("reading", 1.1, 1.5), ("ducks", 0.8, 1.0)]
)
def test_the_sample_paintings_are_looked_at_nearly_as_large_as_the_picture(name, low, high):
    assert low <= choose_style_scale(Settings(), open_picture(IMAGES / f"{name}.jpg")) <= high


def test_a_given_scale_is_kept():
    assert choose_style_scale(Settings(style_scale=3.0), strokes(4)) == 3.0


@pytest.mark.parametrize("shape", [(40, 40, 3), (2, 900, 3)])
def test_a_painting_of_one_color_is_as_large_as_the_picture(shape):
    assert choose_style_scale(Settings(), open_picture(np.full(shape, 90.0, np.float32))) == 1.0
