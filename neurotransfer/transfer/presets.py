"""Presets: settings by name, each for a look."""

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from neurotransfer.system.errors import InputError
from neurotransfer.transfer.settings import DEFAULT, LayerWeights, Settings

CONV4_2: LayerWeights = (("conv4_2", 1.0),)
FIVE_LAYERS: LayerWeights = tuple((f"conv{block}_1", 0.2) for block in range(1, 6))
"""The layers of Gatys et al. 2016."""

_WEIGHTS = {field.name for field in fields(Settings) if field.name.endswith("_weight")}
_EXTRA_TERMS_OFF: dict[str, Any] = dict.fromkeys(_WEIGHTS - {"content_weight", "style_weight"}, 0.0)

_TEXTURE = replace(
    DEFAULT,
    steps=60,
    schedule="cosine",
    beta1=0.9,
    likeness=0.6,
    whitening=0.25,
    focus=0.0,
    protect="none",
    style_scale=1.0,
    style_layers=(("conv1_1", 1.0), ("conv2_1", 1.0), ("conv3_1", 1.0), ("conv4_1", 0.15)),
    copies_weight=0.0,
    coarsest=512,
)
PLAIN = replace(_TEXTURE, **_EXTRA_TERMS_OFF, border_tv=1.0, likeness=0.0, whitening=0.0, padding="zeros")
"""The content and style loss alone. A term that is added later is off in the presets that start from here."""

_CLASSIC = replace(
    PLAIN,
    learning_rate=2.0,
    schedule="constant",
    beta2=0.999,
    content_layers=CONV4_2,
    style_layers=FIVE_LAYERS,
    clip=False,
    octaves=False,
    tolerance=0.0,
)

PRESETS: Mapping[str, Settings] = MappingProxyType(
    {
        "default": DEFAULT,
        # The photo kept, small strokes; the photo given away, large strokes.
        "fine": replace(DEFAULT, content_weight=300.0, likeness=0.78, style_scale=0.7),
        "bold": replace(DEFAULT, content_weight=110.0, likeness=0.68, style_scale=1.6),
        # The painting's small strokes all over the photo, without its large forms.
        "texture": _TEXTURE,
        # The 2017 course script, step for step.
        "classic": replace(
            _CLASSIC,
            steps=500,
            content_weight=10.0,
            style_weight=40.0,
            objective="gatys",
            init="content",
            noise_ratio=0.6,
        ),
        # The quickest picture that is at least as good as that one.
        "fast": replace(
            PLAIN,
            optimizer="lbfgs",
            steps=20,
            whitening=0.45,
            content_weight=3.0,
            style_weight=1.0,
            content_layers=CONV4_2,
            style_layers=tuple((f"conv{block}_1", 1.0) for block in range(1, 5)),
        ),
        # github.com/anishathalye/neural-style, its documented objective and defaults.
        "anishathalye": replace(
            _CLASSIC,
            steps=1000,
            learning_rate=10.0,
            content_weight=5.0,
            style_weight=500.0,
            tv_weight=100.0,
            objective="mean",
            pooling="max",
            init="noise",
            noise="normal",
        ),
    }
)
"""Named starting points; an option given beside a preset wins over it."""

PRESET_ALIASES: Mapping[str, str] = MappingProxyType({"seed": "classic"})
"""Earlier names of presets, which still work."""


def preset(name: str, **changes: Any) -> Settings:
    """Return the settings of preset ``name`` with ``changes`` on top; raises `InputError` for an unknown name."""
    name = PRESET_ALIASES.get(name, name)
    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}; there are {', '.join(PRESETS)}.")
    return replace(PRESETS[name], **changes)
