"""The loop: it descends, repeats bit for bit, starts where it should, and stops when a loss is no number."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from neurotransfer import Settings, load_image, preset, stylize
from neurotransfer.system.errors import InputError, NotFiniteError
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
    def start(**changes):
        return next(iter(stylize(photo, painting, replace(SMALL, steps=0, **changes)))).image

    assert np.array_equal(start(init="content"), load_image(photo))
    assert np.array_equal(start(init="style"), load_image(painting))
    found = next(stylize(photo, painting, replace(SMALL, steps=0), start=painting)).image
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
