"""The steps of a run: shares of the scales, the cosine, the estimate and the deadline, on a clock of the test's own."""

import logging
import math
from dataclasses import replace

import pytest

from neurotransfer.system.size import Size
from neurotransfer.transfer import schedule
from neurotransfer.transfer.plan import Machine, Scale, make_plan
from neurotransfer.transfer.schedule import Schedule, extended
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.sizes import scale_sizes, share_steps

MACHINE = Machine(bfloat16=False, max_memory=8e9, flops=1e12)


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(schedule, "time", clock)
    return clock


def planned(settings, *sides):
    """A schedule of scales with these sides; its plan has the steps of the settings."""
    plan = make_plan(Size(40, 30), [Size(40, 30)], settings, MACHINE)
    steps = share_steps(settings.step_count, len(sides))
    scales = [
        Scale(Size(side, side * 3 // 4), (Size(40, 30),), count) for side, count in zip(sides, steps, strict=True)
    ]
    return replace(plan, scales=tuple(scales))


def timed(plan, clock, seconds):
    """Two steps of the first scale that take ``seconds`` each."""
    plan.begin()
    for _ in range(2):
        clock.now += seconds
        plan.tick(0)


def test_scales_double_up_to_the_exact_size():
    assert scale_sizes(Size(180, 135), Settings()) == [(180, 135)]
    assert scale_sizes(Size(512, 384), Settings()) == [(128, 96), (256, 192), (512, 384)]
    sides = [size.long_side for size in scale_sizes(Size(4961, 3508), Settings())]
    assert sides == [155, 310, 620, 1240, 2480, 4961]
    assert scale_sizes(Size(1024, 750), Settings(octaves=False)) == [(1024, 750)]
    assert scale_sizes(Size(1024, 750), Settings(steps=0)) == [(1024, 750)]
    assert scale_sizes(Size(1024, 750), Settings(coarsest=512)) == [(512, 375), (1024, 750)]
    assert scale_sizes(Size(720, 540), Settings(coarsest=512)) == [(720, 540)]


def test_no_scale_of_a_panorama_is_too_narrow():
    assert scale_sizes(Size(4000, 80), Settings()) == [(2000, 40), (4000, 80)]
    assert scale_sizes(Size(60, 3000), Settings()) == [(60, 3000)]


def test_shares_of_the_scales_add_up_and_fall():
    assert share_steps(60, 1) == [60]
    assert share_steps(60, 2) == [33, 27]
    for steps in (10, 25, 61, 500):
        shares = share_steps(steps, 3)
        assert sum(shares) == steps
        assert shares == sorted(shares, reverse=True)


def rates_of(settings, *sides):
    schedule = Schedule(settings, planned(settings, *sides))
    found = []
    for scale, steps in enumerate(share_steps(settings.step_count, len(sides))):
        for _ in range(steps):
            found.append(schedule.rate())
            schedule.tick(scale)
    return found


def test_the_cosine_falls_from_the_full_rate_to_nearly_nothing():
    settings = Settings(steps=10, learning_rate=8.0, schedule="cosine")
    expected = [4 * (1 + math.cos(math.pi * step / 10)) for step in range(10)]
    assert rates_of(settings, 40) == rates_of(settings, 20, 40) == pytest.approx(expected)
    assert rates_of(replace(settings, schedule="constant"), 20, 40) == [8.0] * 10


def test_with_restarts_every_size_has_a_cosine_of_its_own():
    settings = Settings(steps=9, learning_rate=8.0, schedule="restarts")
    first = [1.6 + 6.4 * (1 + math.cos(math.pi * step / 5)) / 2 for step in range(5)]
    last = [4 * (1 + math.cos(math.pi * step / 4)) for step in range(4)]
    assert rates_of(settings, 20, 40) == pytest.approx(first + last)
    assert rates_of(settings, 40) == pytest.approx([4 * (1 + math.cos(math.pi * step / 9)) for step in range(9)])


def test_from_the_fourth_size_on_the_rate_halves():
    settings, sides = Settings(steps=100, learning_rate=8.0, schedule="restarts"), (10, 20, 40, 80, 160)
    rates, firsts = rates_of(settings, *sides), [0]
    for steps in share_steps(100, len(sides))[:-1]:
        firsts.append(firsts[-1] + steps)
    assert [rates[first] for first in firsts] == [8.0, 8.0, 8.0, 4.0, 2.0]


def test_added_steps_are_the_gentler_the_fewer():
    def first_rate(more):
        settings = Settings(steps=60, learning_rate=8.0)
        longer = Schedule(settings, planned(settings, 40))
        longer.restore(extended({"index": 60, "counts": [60], "done": [60], "origin": 0}, more))
        return longer.rate()

    assert first_rate(6) == pytest.approx(0.8)
    assert first_rate(200) == 8.0


@pytest.mark.parametrize(("budget", "expected"), [(1000.0, 20), (10.0, 11), (2.0, 3), (0.0, 3)])
def test_a_deadline_leaves_steps_out(clock, budget, expected):
    settings = Settings(steps=20)
    plan = Schedule(settings, planned(settings, 40), deadline=clock.now + 1.0 + budget)
    timed(plan, clock, 1.0)
    assert plan.total == pytest.approx(expected, abs=1)
    assert plan.left(0) == plan.total - 2


def test_the_estimate_counts_work(clock, caplog):
    """Steps of the second scale cost four times those of the first; under a minute nothing is said."""
    caplog.set_level(logging.INFO)
    settings = Settings(steps=20)
    plan = planned(settings, 4000, 8000)
    shares = share_steps(20, 2)
    timed(Schedule(settings, plan), clock, 1.0)
    assert caplog.messages == []
    timed(Schedule(settings, plan), clock, 3.0)
    seconds = 3 * (shares[0] - 2) + 12 * shares[1]
    assert caplog.messages == [f"About {seconds // 60} min {seconds % 60} s to go (18 steps)."]
