"""The loop: it descends, repeats bit for bit, starts where it should, and stops when a loss is no number."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from neurotransfer import Session, Settings, load_image, preset, stylize
from neurotransfer.system.errors import InputError, NeurotransferError, NotFiniteError
from neurotransfer.vgg.layers import MEAN_PIXEL

SMALL = Settings(size=64, steps=3, learning_rate=2.0, init="content", noise_ratio=0.0)


def test_three_steps_descend(photo, painting):
    steps = list(stylize(photo, painting, SMALL))
    assert [step.index for step in steps] == [0, 1, 2, 3]
    totals = [step.losses.total for step in steps]
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] < 0.97 * totals[0]


def test_runs_repeat_bit_for_bit_and_seeds_differ(photo, painting):
    noisy = replace(SMALL, noise_ratio=0.5, seed=1)
    first, again, other = (
        list(stylize(photo, painting, settings))[-1].image for settings in (noisy, noisy, replace(noisy, seed=2))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_paths_pictures_and_arrays_are_the_same(photo, painting):
    start = replace(SMALL, steps=1)
    by_path = list(stylize(photo, painting, start))[-1].image
    with Image.open(photo) as content, Image.open(painting) as style:
        by_picture = list(stylize(content, style, start))[-1].image
    by_array = list(stylize(load_image(photo), load_image(painting), start))[-1].image
    assert np.array_equal(by_path, by_picture)
    assert np.array_equal(by_path, by_array)


def test_the_start_picture_is_the_one_asked_for(photo, painting):
    still = replace(SMALL, steps=0, style_scale=1.0)

    def start(**changes):
        return next(iter(stylize(photo, painting, replace(still, **changes)))).image

    assert np.array_equal(start(init="content"), load_image(photo))
    assert np.array_equal(start(init="style"), load_image(painting))
    found = next(stylize(photo, painting, still, start=painting)).image
    assert np.array_equal(found, load_image(painting))
    uniform = start(init="noise", noise="uniform") - np.array(MEAN_PIXEL, dtype=np.float32)
    assert -20 <= uniform.min() < -19
    assert 19 < uniform.max() <= 20
    normal = start(init="noise", noise="normal") - np.array(MEAN_PIXEL, dtype=np.float32)
    assert normal.std() == pytest.approx(0.256, rel=0.05)


def test_a_start_picture_has_a_limit_of_pixels(photo, painting):
    inputs, settings = (load_image(photo), load_image(painting)), replace(SMALL, steps=0)
    assert len(list(stylize(*inputs, settings, start=painting, max_pixels=64 * 48))) == 1
    with pytest.raises(InputError, match=r"painting\.png says that it is 64x48 pixels, more than"):
        next(stylize(*inputs, settings, start=painting, max_pixels=64 * 48 - 1))


def test_the_classic_start_is_forty_percent_photo(photo, painting):
    settings = replace(preset("classic"), size=64, steps=0)
    found = next(iter(stylize(photo, painting, settings))).image
    rest = found - (0.6 * np.array(MEAN_PIXEL) + 0.4 * load_image(photo))
    assert -12.01 <= rest.min() < -11.5  # 0.6 * 20
    assert 11.5 < rest.max() <= 12.01
    assert abs(rest.mean()) < 0.5


def test_a_loss_that_is_no_number_is_named(photo, painting):
    steps = stylize(photo, painting, replace(SMALL, learning_rate=1e12, clip=False))
    next(steps)
    with pytest.raises(
        NotFiniteError, match=r"^The (content|style) loss became (nan|inf) at step 1; expected a finite"
    ):
        next(steps)


def test_the_result_has_the_size_asked_for(tmp_path, painting):
    Image.new("RGB", (90, 61), "teal").save(tmp_path / "odd.png")

    def size(**changes):
        step = next(iter(stylize(tmp_path / "odd.png", painting, Settings(steps=0, **changes))))
        return step.image.shape

    assert size(size=45) == (30, 45, 3)  # 30.5 rounds to even
    assert size(size=512) == (61, 90, 3)  # never enlarged unasked
    assert size(size=120, enlarge=True) == (81, 120, 3)
    assert size(size="original") == (61, 90, 3)


@pytest.mark.parametrize(("tolerance", "steps"), [(0.0, 4), (0.001, 2)])
def test_where_nothing_changes_a_run_ends_early_but_never_at_tolerance_0(
    tolerance, steps, photo, painting, monkeypatch
):
    monkeypatch.setattr("neurotransfer.transfer.stylize.Adam.step", lambda *_: None)
    assert len(list(stylize(photo, painting, replace(SMALL, tolerance=tolerance)))) == steps


def test_a_photo_too_small_is_refused(painting):
    with pytest.raises(InputError, match="The photo is 20x10 pixels, expected a long side of 32 or more"):
        next(iter(stylize(np.zeros((10, 20, 3)), painting)))


def test_a_checkpoint_serves_several_runs(photo, painting):
    run = stylize(photo, painting, SMALL)
    next(run), next(run)
    place = run.checkpoint()
    *_, unbroken = run
    for _ in range(2):
        *_, last = stylize(photo, painting, SMALL, checkpoint=place)
        assert np.array_equal(last.image, unbroken.image)
    *_, other = stylize(photo, painting, replace(SMALL, learning_rate=3.0), checkpoint=place)
    assert not np.array_equal(other.image, unbroken.image)


def test_a_picture_of_a_step_cannot_be_changed(photo, painting):
    step = next(stylize(photo, painting, SMALL))
    with pytest.raises(ValueError, match="read-only"):
        step.image *= 0.5


def test_a_checkpoint_needs_a_whole_step(photo, painting):
    run = stylize(photo, painting, replace(SMALL, learning_rate=1e12, clip=False))
    with pytest.raises(NeurotransferError, match="There is no checkpoint: no step was done yet; take one after a step"):
        run.checkpoint()
    next(run)
    run.checkpoint()
    with pytest.raises(NotFiniteError):
        next(run)
    with pytest.raises(NeurotransferError, match="There is no checkpoint: a step failed"):
        run.checkpoint()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": 48}, r"A checkpoint of 48x36 pixels was expected, found image of shape \(48, 64, 3\)"),
        ({"optimizer": "lbfgs"}, "A checkpoint of the optimizer lbfgs was expected, found another one's"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(photo, painting, change, sentence):
    run = stylize(photo, painting, SMALL)
    next(run), next(run)
    with pytest.raises(InputError, match=sentence):
        stylize(photo, painting, replace(SMALL, **change), checkpoint=run.checkpoint())


def test_a_picture_without_any_loss_stays_as_it_is(photo, painting):
    nothing = replace(SMALL, content_weight=0, style_weight=0, tv_weight=0, range_weight=0, tolerance=0)
    first, *_, last = stylize(photo, painting, nothing)
    assert last.index == 3
    assert last.losses.total == 0
    assert np.array_equal(first.image, last.image)


def test_styles_may_be_a_list_and_weights_belong_to_the_session(photo, painting):
    assert next(stylize(photo, [painting], SMALL)).index == 0
    with pytest.raises(InputError, match="One style was expected, found 2"):
        stylize(photo, [painting, painting], SMALL)
    with pytest.raises(InputError, match="A session has its weights"):
        stylize(photo, painting, SMALL, session=Session(), weights="builtin")


@pytest.mark.parametrize(("name", "color"), [("default", "red"), ("classic", "black")])
def test_pictures_of_one_color_are_painted(photo, name, color):
    """Their colors deviate by zero, which nothing may be divided by."""
    flat = Image.new("RGB", (60, 40), color)
    settings = preset(name, size=48, steps=2, precision="float32")
    for content in (photo, flat):
        *_, last = stylize(content, flat, settings)
        assert np.isfinite(last.image).all()
        assert all(np.isfinite(loss) for loss in last.losses.values())
