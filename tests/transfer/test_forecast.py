"""How long a run should take, said before any of it was done."""

import pytest

from neurotransfer.system.size import Size
from neurotransfer.transfer.forecast import START_SECONDS, expected_seconds, format_duration
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.sizes import needed_layers, share_steps

SMALL, LARGE = Size(400, 300), Size(1600, 1200)


def painting(precision="float32", sizes=(SMALL,), max_tile_pixels=None, flops=1e12, copies=(), **changes):
    """Seconds of 60 steps without the start."""
    shares = share_steps(60, len(sizes))
    scales = [(size, [size], steps, copies) for size, steps in zip(sizes, shares, strict=True)]
    layers = needed_layers(Settings(**changes))
    return expected_seconds(scales, layers, precision, max_tile_pixels, flops) - START_SECONDS


def test_a_forecast_is_arithmetic_over_the_rate():
    """400x300 up to conv4_2: 134 GFLOP a step (counted by bench/step.py), so 60 and two more at 1000 GFLOP/s."""
    assert painting() == pytest.approx(0.6 * 62 * 0.134, rel=0.01)
    assert painting(flops=2e12) == pytest.approx(painting() / 2)
    assert painting(copies=(1, 2)) == pytest.approx(painting() * (1 + 1 / 4 + 1 / 16))


def test_what_saves_arithmetic_saves_time():
    assert painting("bfloat16") < 0.7 * painting()
    assert painting(style_layers=(("conv5_1", 1.0),)) > 1.2 * painting()
    assert painting(sizes=(Size(200, 150), SMALL)) < 0.75 * painting()
    assert painting(sizes=(LARGE,), max_tile_pixels=250_000) > 1.8 * painting(sizes=(LARGE,))


def test_float32_tiles_have_no_winograd_convolutions():
    whole, tiled = (painting("float32", (LARGE,), most) for most in (None, 250_000))
    fast, fast_tiled = (painting("bfloat16", (LARGE,), most) for most in (None, 250_000))
    assert 1.1 < (tiled / whole) / (fast_tiled / fast) < 1.3


@pytest.mark.parametrize(
    ("seconds", "words"), [(59.4, "59 s"), (59.6, "1 min 0 s"), (90, "1 min 30 s"), (7500, "2 h 5 min")]
)
def test_durations_are_words(seconds, words):
    assert format_duration(seconds) == words
