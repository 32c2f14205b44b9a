"""The plan is one pure function of sizes, settings and machine."""

import json
from dataclasses import replace

import pytest

from neurotransfer.system.errors import InputError
from neurotransfer.system.facts import FactError
from neurotransfer.system.size import Size
from neurotransfer.transfer.plan import Machine, Plan, make_plan
from neurotransfer.transfer.presets import preset
from neurotransfer.transfer.settings import Settings

PHOTO, PAINTING = Size(1024, 750), Size(700, 560)
MACHINE = Machine(bfloat16=True, max_memory=8e9, flops=1e12)


def plan(settings=None, machine=MACHINE, **changes):
    return make_plan(PHOTO, [PAINTING], replace(settings or Settings(size=1024), **changes), machine)


def test_a_plan_holds_sizes_steps_and_layers():
    found = plan()
    assert found.size == PHOTO
    assert [scale.size for scale in found.scales] == [(128, 94), (256, 188), (512, 375), (1024, 750)]
    assert [scale.style_sizes for scale in found.scales[1:3]] == [((256, 205),), ((512, 410),)]
    assert [scale.steps for scale in found.scales] == [22, 17, 14, 11]
    assert [scale.copies for scale in found.scales] == [(), (1,), (1, 2), (2, 3)]
    assert found.steps == 64
    assert found.layers[-1] == "conv4_2"
    assert plan(style_scale=0.5).scales[2].style_sizes == ((256, 205),)
    assert plan(preset("classic", size=1024)).layers[-1] == "conv5_1"


@pytest.mark.parametrize("ratio", [1 / 60, 1 / 20, 1 / 6, 1 / 3, 3, 6, 20, 60])
def test_strokes_of_a_panorama_follow_its_area(ratio):
    area = 600_000
    size = Size(round((area * ratio) ** 0.5), round((area / ratio) ** 0.5))
    found = make_plan(size, [PAINTING], Settings(size="original"), MACHINE, size).scales[-1]
    assert max(found.style_sizes[0]) == pytest.approx((2 * area) ** 0.5, rel=0.01)
    scaled = make_plan(size, [PAINTING], Settings(size="original", style_scale=2.0), MACHINE, size).scales[-1]
    assert max(scaled.style_sizes[0]) == pytest.approx(2 * (2 * area) ** 0.5, rel=0.01)


@pytest.mark.parametrize("size", [Size(1000, 500), Size(1000, 750), Size(1000, 1000), Size(500, 1000)])
def test_up_to_two_to_one_a_painting_is_as_long_as_the_picture(size):
    found = make_plan(size, [PAINTING], Settings(size="original"), MACHINE, size).scales[-1]
    assert max(found.style_sizes[0]) == 1000


def test_the_cost_of_a_painting_is_in_the_forecast():
    seconds = [plan(style_scale=scale).seconds for scale in (1.0, 4.0, 16.0)]
    # At 16, the painting has 16,384 x 13,107 pixels, and takes as long as 150 evaluations of the picture at least.
    assert seconds[0] < seconds[1] < seconds[2]
    assert seconds[2] > 3 * seconds[0]


def test_the_same_arguments_make_the_same_plan():
    assert plan() == plan()
    assert plan() != plan(machine=MACHINE._replace(flops=2e12))


@pytest.mark.parametrize(
    ("asked", "bfloat16", "found"),
    [
        ("auto", True, "bfloat16"),
        ("auto", False, "float32"),
        ("float32", True, "float32"),
        ("bfloat16", False, "bfloat16"),
    ],
)
def test_auto_precision_is_the_processors(asked, bfloat16, found):
    assert plan(precision=asked, machine=MACHINE._replace(bfloat16=bfloat16)).precision == found


@pytest.mark.parametrize(
    ("precision", "memory", "winograd"),
    [("float32", 1.6e9, False), ("float32", 8e9, True), ("bfloat16", 1.2e9, True)],
)
def test_tiles_of_float32_keep_to_plain_convolutions(precision, memory, winograd):
    found = plan(precision=precision, machine=MACHINE._replace(max_memory=memory))
    assert (len(found.tiles(found.size)) > 1) == (memory < 8e9)
    assert found.winograd == winograd


def test_a_plan_survives_json():
    for found in (plan(), plan(machine=MACHINE._replace(max_memory=1.2e9)), plan(preset("fast"))):
        values = json.loads(json.dumps(found.to_json()))
        assert Plan.from_json(values) == found
        assert Plan.from_json(values | {"seconds": 1.5}) != found
    for wrong in ({"precision": "float64"}, {"scales": None}, {"memory": None}, {"layers": None}, {"seconds": None}):
        with pytest.raises(FactError, match=f"plan.{next(iter(wrong))}"):
            Plan.from_json(values | wrong)


def test_the_result_may_have_a_size_of_its_own():
    assert make_plan(PHOTO, [PAINTING], Settings(size=64), MACHINE, Size(90, 66)).size == (90, 66)
    assert make_plan(PHOTO, [PAINTING], Settings(size=64), MACHINE).size == (64, 47)


def test_a_photo_too_small_cannot_be_planned():
    with pytest.raises(InputError, match="The photo is 20x10 pixels, expected a long side of 32 or more"):
        make_plan(Size(20, 10), [PAINTING], Settings(), MACHINE)
