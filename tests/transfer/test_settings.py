"""Settings are checked on creation; presets are what their names promise."""

import json
from dataclasses import fields

import pytest

from neurotransfer.system.errors import InputError
from neurotransfer.transfer.presets import PLAIN, PRESET_ALIASES, PRESETS, preset
from neurotransfer.transfer.settings import DEFAULT, Settings

BAD = [
    ({"size": 31}, "--size must be a whole number, from 32 to 65535, or 'original'; found 31."),
    ({"size": "large"}, "--size must be a whole number, from 32 to 65535, or 'original'; found 'large'."),
    ({"steps": -1}, "--steps must be a whole number, from 0 to 1000000; found -1."),
    ({"steps": 1.5}, "--steps must be a whole number, from 0 to 1000000; found 1.5."),
    ({"learning_rate": float("nan")}, "--learning-rate must be a number, from 0 to 1e+12; found nan."),
    ({"style_weight": float("inf")}, "--style-weight must be a number, from 0 to 1e+12; found inf."),
    ({"noise_ratio": 1.1}, "--noise-ratio must be a number, from 0 to 1; found 1.1."),
    ({"pooling": "median"}, "--pooling must be one of avg, max; found 'median'."),
    (
        {"content_layers": (("conv4_9", 1.0),)},
        "There is no layer 'conv4_9' in VGG-19 (conv1_1 to conv5_4); did you mean conv4_4?",
    ),
    ({"style_layers": ()}, "--style-layer needs at least one layer."),
    ({"style_layers": (("conv1_1", -1.0),)}, "--style-layer conv1_1 needs a weight from 0 to 1e+12; found -1.0."),
    ({"style_layers": (("conv1_1", 1e308),)}, "--style-layer conv1_1 needs a weight from 0 to 1e+12; found 1e+308."),
    (
        {"style_layers": (("conv1_1", 1.0), ("conv1_1", 1.0))},
        "--style-layer names a layer twice: conv1_1, conv1_1; give each once.",
    ),
]


@pytest.mark.parametrize(("values", "sentence"), BAD, ids=lambda value: str(value)[:40])
def test_bad_values_are_refused(values, sentence):
    with pytest.raises(InputError) as caught:
        Settings(**values)
    assert str(caught.value) == sentence


def test_layers_may_be_a_mapping_or_a_list():
    for given in ({"conv1_1": 0.5}, [["conv1_1", 0.5]], [("conv1_1", 0.5)]):
        assert Settings(style_layers=given).style_layers == (("conv1_1", 0.5),)
    assert hash(Settings(style_layers=[["conv1_1", 0.5]]))


def test_borders_are_allowed():
    Settings(size=32, steps=0, learning_rate=0, noise_ratio=1, style_scale=20)


def test_settings_survive_json():
    settings = Settings(size="original", steps=7, style_layers={"conv1_1": 0.5})
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    assert Settings.from_json(json.loads(json.dumps(settings.to_json() | {"steps": 8}))) != settings


def test_terms_beyond_content_and_style_are_off_in_the_plain_settings():
    weights = {field.name for field in fields(Settings) if field.name.endswith("_weight")}
    assert {name for name in weights if getattr(PLAIN, name)} == {"content_weight", "style_weight"}
    assert {name for name in weights if getattr(DEFAULT, name)} == weights


def test_classic_is_the_2017_course_script():
    classic = PRESETS["classic"]
    assert (classic.steps, classic.learning_rate, classic.content_weight, classic.style_weight) == (
        500,
        2.0,
        10.0,
        40.0,
    )
    assert (classic.noise_ratio, classic.noise, classic.pooling, classic.clip) == (0.6, "uniform", "avg", False)
    assert (classic.objective, classic.init, classic.schedule, classic.beta2, classic.tv_weight) == (
        *("gatys", "content", "constant"),
        0.999,
        0.0,
    )
    assert dict(classic.content_layers) == {"conv4_2": 1.0}
    assert dict(classic.style_layers) == {f"conv{block}_1": 0.2 for block in (1, 2, 3, 4, 5)}


def test_unknown_preset():
    with pytest.raises(
        InputError,
        match="There is no preset 'sead'; there are default, fine, bold, texture, classic, fast, anishathalye",
    ):
        preset("sead")


def test_a_change_wins_over_the_preset():
    assert preset("classic", steps=7).steps == 7
    assert preset("classic", steps=7).learning_rate == 2.0


def test_the_earlier_name_of_a_preset_still_works():
    assert preset("seed", steps=3) == preset("classic", steps=3)
    assert "seed" not in PRESETS
    assert set(PRESET_ALIASES.values()) <= set(PRESETS)
