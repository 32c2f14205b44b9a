"""The weights with which a picture and its copies are looked at."""

from dataclasses import replace

import pytest

from neurotransfer.system.size import Size
from neurotransfer.transfer.levels import at_strength, levels_of
from neurotransfer.transfer.presets import PRESETS
from neurotransfer.transfer.settings import DEFAULT, Settings
from neurotransfer.transfer.sizes import copies_of, scale_sizes
from neurotransfer.transfer.terms import graph_key


def test_copies_are_as_large_as_the_coarse_scales():
    assert copies_of(Size(512, 384), DEFAULT) == (1, 2)
    assert copies_of(Size(256, 192), DEFAULT) == (1,)
    assert copies_of(Size(128, 96), DEFAULT) == ()
    assert copies_of(Size(4961, 3508), DEFAULT) == (4, 5)
    for size in (Size(512, 384), Size(1000, 700), Size(4961, 3508)):
        coarse = [scale.long_side for scale in scale_sizes(size, DEFAULT) if scale.long_side <= 362]
        found = [size.long_side / 2**halvings for halvings in reversed(copies_of(size, DEFAULT))]
        assert len(found) == len(coarse) > 0
        assert all(abs(copy - side) <= 1 for copy, side in zip(found, coarse, strict=True))


def test_no_copy_is_too_narrow_and_none_is_there_without_a_weight():
    assert copies_of(Size(4000, 80), DEFAULT) == ()
    assert copies_of(Size(512, 384), replace(DEFAULT, copies_weight=0.0)) == ()
    assert copies_of(Size(512, 384), replace(DEFAULT, octaves=False)) == ()


def test_one_graph_serves_the_picture_and_its_copies():
    sizes = [Size(128, 96), Size(256, 192), Size(512, 384)]
    levels = [level for size in sizes for level in levels_of(DEFAULT, size, last=size == sizes[-1]) if level]
    assert len(levels) == 6
    assert len({graph_key(level) for level in levels}) == 1
    assert graph_key(replace(DEFAULT, style_layers=(("conv1_1", 1.0),))) != graph_key(DEFAULT)


def test_deep_layers_count_more_where_the_picture_is_small():
    size = Size(256, 192)
    (first, *_), (last, *_) = (levels_of(DEFAULT, size, last=last) for last in (False, True))
    assert dict(first.style_layers) == dict(DEFAULT.coarse_layers)
    assert dict(last.style_layers) == dict(DEFAULT.style_layers)
    assert first.content_weight == last.content_weight == DEFAULT.content_weight


def test_copies_are_compared_with_the_painting_alone():
    itself, half, quarter = levels_of(DEFAULT, Size(512, 384), last=True)
    assert half == quarter
    assert half.style_weight == DEFAULT.style_weight * DEFAULT.copies_weight
    assert half.content_weight + half.tv_weight + half.range_weight < 1e-9 * itself.content_weight
    (alone,) = levels_of(PRESETS["classic"], Size(512, 384), last=True)
    assert alone == PRESETS["classic"]


def test_layers_of_either_kind_are_there_in_both():
    settings = replace(DEFAULT, style_layers=(("conv2_2", 1.0),), coarse_layers=(("conv3_1", 2.0), ("conv1_2", 1.0)))
    itself, copy, _ = levels_of(settings, Size(512, 384), last=True)
    assert itself.style_layers == (("conv1_2", 0.0), ("conv2_2", 1.0), ("conv3_1", 0.0))
    assert copy.style_layers == (("conv1_2", 1.0), ("conv2_2", 0.0), ("conv3_1", 2.0))


def test_half_strength_is_what_the_settings_say():
    assert at_strength(Settings()) == Settings()
    assert at_strength(Settings(strength=0.4)) != Settings(strength=0.4)


def test_strength_moves_weight_and_likeness_from_the_photo_to_the_painting():
    dial = [at_strength(Settings(strength=strength)) for strength in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert [found.content_weight / Settings().content_weight for found in dial] == pytest.approx(
        [8.0, 8.0**0.5, 1.0, 8.0**-0.5, 1 / 8.0]
    )
    assert [found.likeness for found in dial] == pytest.approx([0.95, 0.825, 0.7, 0.56, 0.42])


def test_strength_keeps_a_likeness_above_its_own_and_none_at_all():
    assert at_strength(Settings(strength=0.0, likeness=0.99)).likeness == 0.99
    assert at_strength(Settings(strength=0.0, likeness=0.0)).likeness == 0.0
    assert at_strength(Settings(strength=1.0, likeness=0.0)).likeness == 0.0


def test_strength_counts_in_every_level():
    (picture, *_), (plain, *_) = (
        levels_of(Settings(strength=strength), Size(256, 256), last=True) for strength in (0.2, 0.5)
    )
    assert picture is not None
    assert plain is not None
    assert picture.content_weight > plain.content_weight
