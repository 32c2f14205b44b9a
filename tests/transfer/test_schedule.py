"""The plan of updates: shares of octaves, the cosine, the estimate and the deadline, on a clock of the test's own."""

import logging
import math

import pytest

from neurotransfer.transfer import schedule as pace
from neurotransfer.transfer.sizes import scale_sizes, share_steps
from neurotransfer.transfer.settings import Settings


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def timed(plan, clock, seconds):
    """Two updates of the first octave that take ``seconds`` each."""
    plan.begin()
    for _ in range(2):
        clock.now += seconds
        plan.tick(0)


def test_octaves_double_up_to_the_exact_size():
    assert scale_sizes((512, 384), Settings()) == [(512, 384)]
    assert scale_sizes((1024, 750), Settings()) == [(512, 375), (1024, 750)]
    assert scale_sizes((4961, 3508), Settings()) == [(620, 438), (1240, 877), (2480, 1754), (4961, 3508)]
    assert scale_sizes((1024, 750), Settings(octaves=False)) == [(1024, 750)]
    assert scale_sizes((1024, 750), Settings(steps=0)) == [(1024, 750)]


def test_shares_add_up_and_fall():
    assert share_steps(60, 1) == [60]
    assert share_steps(60, 2) == [38, 22]
    for updates in (10, 25, 61, 500):
        shares = share_steps(updates, 3)
        assert sum(shares) == updates
        assert shares == sorted(shares, reverse=True)


def test_the_cosine_falls_from_the_full_rate_to_nearly_nothing():
    plan = pace.Pace(Settings(steps=10, learning_rate=8.0), [1200.0])
    rates = []
    for _ in range(10):
        rates.append(plan.rate())
        plan.tick(0)
    assert rates == pytest.approx([4 * (1 + math.cos(math.pi * step / 10)) for step in range(10)])
    constant = pace.Pace(Settings(steps=10, learning_rate=8.0, schedule="constant"), [1200.0])
    constant.tick(0)
    assert constant.rate() == 8.0


@pytest.mark.parametrize(("budget", "expected"), [(1000.0, 20), (10.0, 11), (2.0, 3), (0.0, 3)])
def test_a_deadline_leaves_updates_out(clock, budget, expected):
    plan = pace.Pace(Settings(steps=20), [1200.0], deadline=clock.now + 1.0 + budget)
    timed(plan, clock, 1.0)
    assert plan.total == pytest.approx(expected, abs=1)
    assert plan.left(0) == plan.total - 2


def test_the_estimate_counts_work(clock, caplog):
    """Updates of the second octave cost four times those of the first; under a minute nothing is said."""
    caplog.set_level(logging.INFO)
    work = [1200.0, 4800.0]
    shares = share_steps(20, 2)
    timed(pace.Pace(Settings(steps=20), work), clock, 1.0)
    assert caplog.messages == []
    timed(pace.Pace(Settings(steps=20), work), clock, 3.0)
    seconds = 3 * (shares[0] - 2) + 12 * shares[1]
    assert caplog.messages == [f"About {seconds // 60} min {seconds % 60} s to go (18 updates)."]


def test_a_forecast_is_arithmetic_over_the_rate(monkeypatch):
    """400x300 up to conv4_2: 134 GFLOP an update (counted by bench/step.py), so 60 and two more at 1000 GFLOP/s."""
    monkeypatch.setattr(pace, "product_rate", lambda: 1e12)

    def painting(precision="float32", sizes=((400, 300),), max_tile_pixels=None, **changes):
        return pace.forecast(Settings(steps=60, **changes), list(sizes), precision, max_tile_pixels) - pace._START

    assert painting() == pytest.approx(62 * 0.134 * pace._OVER_THE_FLOOR["float32"], rel=0.01)
    assert painting("bfloat16") == pytest.approx(62 * 0.134 * pace._OVER_THE_FLOOR["bfloat16"], rel=0.01)
    assert painting("bfloat16") < 0.7 * painting()
    assert painting(style_layers=(("conv5_1", 1.0),)) > 1.2 * painting()
    assert painting(sizes=((200, 150), (400, 300))) < 0.7 * painting()
    whole, tiled = (painting("float32", ((1600, 1200),), most) for most in (None, 250_000))
    fast, fast_tiled = (painting("bfloat16", ((1600, 1200),), most) for most in (None, 250_000))
    assert 1.1 < (tiled / whole) / (fast_tiled / fast) < 1.3, "no Winograd in tiles of float32"
    assert painting(sizes=((1600, 1200),), max_tile_pixels=250_000) > 1.8 * painting(sizes=((1600, 1200),))


@pytest.mark.parametrize(
    ("seconds", "words"), [(59.4, "59 s"), (59.6, "1 min 0 s"), (90, "1 min 30 s"), (7500, "2 h 5 min")]
)
def test_times_in_words(seconds, words):
    assert pace.format_duration(seconds) == words
