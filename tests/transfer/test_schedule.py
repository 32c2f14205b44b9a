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
    assert scale_sizes(Size(512, 384), Settings()) == [(512, 384)]
    assert scale_sizes(Size(1024, 750), Settings()) == [(512, 375), (1024, 750)]
    assert scale_sizes(Size(4961, 3508), Settings()) == [(620, 438), (1240, 877), (2480, 1754), (4961, 3508)]
    assert scale_sizes(Size(1024, 750), Settings(octaves=False)) == [(1024, 750)]
    assert scale_sizes(Size(1024, 750), Settings(steps=0)) == [(1024, 750)]


def test_shares_of_the_scales_add_up_and_fall():
    assert share_steps(60, 1) == [60]
    assert share_steps(60, 2) == [38, 22]
    for steps in (10, 25, 61, 500):
        shares = share_steps(steps, 3)
        assert sum(shares) == steps
        assert shares == sorted(shares, reverse=True)


def test_the_cosine_falls_from_the_full_rate_to_nearly_nothing():
    settings = Settings(steps=10, learning_rate=8.0)
    cosine = Schedule(settings, planned(settings, 40))
    rates = [cosine.rate(step) for step in range(1, 11)]
    assert rates == pytest.approx([4 * (1 + math.cos(math.pi * step / 10)) for step in range(10)])
    settings = replace(settings, schedule="constant")
    assert {Schedule(settings, planned(settings, 40)).rate(step) for step in range(1, 11)} == {8.0}


def test_the_rate_of_a_step_does_not_depend_on_when_it_is_asked_for():
    settings = Settings(steps=10, learning_rate=8.0)
    cosine = Schedule(settings, planned(settings, 40))
    before = cosine.rate(5)
    cosine.tick(0)
    assert cosine.rate(5) == before != cosine.rate(6)


def test_added_steps_are_the_gentler_the_fewer():
    def first_rate(more):
        settings = Settings(steps=60, learning_rate=8.0)
        longer = Schedule(settings, planned(settings, 40))
        longer.restore(extended({"index": 60, "counts": [60], "done": [60], "origin": 0}, more))
        return longer.rate(61)

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
    plan = planned(settings, 40, 80)
    shares = share_steps(20, 2)
    timed(Schedule(settings, plan), clock, 1.0)
    assert caplog.messages == []
    timed(Schedule(settings, plan), clock, 3.0)
    seconds = 3 * (shares[0] - 2) + 12 * shares[1]
    assert caplog.messages == [f"About {seconds // 60} min {seconds % 60} s to go (18 steps)."]
