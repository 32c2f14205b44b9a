"""Settings: every number and choice that decides how the picture looks, with its default and its range.

Knows nothing of files, TensorFlow or the command line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Literal, Self

from neurotransfer.system.errors import InputError
from neurotransfer.system.facts import read_fields
from neurotransfer.vgg.layers import check_layer

LayerWeights = tuple[tuple[str, float], ...]
"""Pairs of layer name and weight within its loss term."""

ORIGINAL = "original"
AUTO = "auto"

STEPS: Mapping[str, int] = MappingProxyType({"adam": 64, "lbfgs": 40})
"""Steps that an optimizer takes by default."""

INITS = ("recolored", "content", "noise", "style")
PROTECTS = ("faces", "person", "none")

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "optimizer": ("adam", "lbfgs"),
        "precision": ("auto", "float32", "bfloat16"),
        "objective": ("gatys", "mean", "norm", "joint"),
        "pooling": ("avg", "max"),
        "padding": ("zeros", "first-block", "replicate", "reflect"),
        "schedule": ("constant", "cosine", "restarts"),
        "noise": ("uniform", "normal"),
        "init": INITS,
        "protect": PROTECTS,
    }
)
_MAX_WEIGHT = 1e12
"""With it, the losses of any picture are still numbers in float32."""

RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "size": (32, 65_535),
        "steps": (0, 1_000_000),
        "learning_rate": (0.0, 1e12),
        "beta1": (0.0, 0.999999),
        "beta2": (0.0, 0.999999),
        "content_weight": (0.0, _MAX_WEIGHT),
        "style_weight": (0.0, _MAX_WEIGHT),
        "tv_weight": (0.0, _MAX_WEIGHT),
        "border_tv": (1.0, 1e6),
        "range_weight": (0.0, _MAX_WEIGHT),
        "copies_weight": (0.0, 1.0),
        "strength": (0.0, 1.0),
        "likeness": (0.0, 1.0),
        "focus": (0.0, 1.0),
        "coarsest": (32, 65_535),
        "whitening": (0.0, 0.5),
        "by_brightness": (0.0, 1.0),
        "tolerance": (0.0, 255.0),
        "style_scale": (0.05, 20.0),
        "noise_ratio": (0.0, 1.0),
        "seed": (0, 2**63 - 1),
    }
)
"""Smallest and largest allowed value of each number."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to paint. Checked on creation: a value out of its range raises `InputError`.

    The loss weights have the same meaning at any picture size, since every term is a mean over positions.
    """

    size: int | Literal["original"] = 512
    """Long side of the result in pixels; the aspect ratio is the photo's. ``"original"``: the photo's own size."""
    enlarge: bool = False
    """Whether a photo smaller than `size` is enlarged to it."""
    steps: int | None = None
    """Number of steps at all sizes together; None: what the optimizer needs, 64 for Adam and 40 for L-BFGS."""
    optimizer: Literal["adam", "lbfgs"] = "adam"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the convolutions; ``auto``: bfloat16 where the processor has instructions for it."""
    learning_rate: float = 10.0
    """Adam's rate: about the largest change of a pixel in one step, in units of 0..255."""
    schedule: Literal["constant", "cosine", "restarts"] = "restarts"
    """Adam's rate over the steps: constant, falling to nothing along half a cosine, or along one for every size."""
    beta1: float = 0.65
    """How long Adam remembers gradients: 1 / (1 - beta1) steps. The usual 0.9 is too long for so few steps."""
    beta2: float = 0.99
    """How long Adam remembers the size of gradients: 1 / (1 - beta2) steps."""
    strength: float = 0.5
    """How much of the painting there is: from 0, a hint, to 1, all of it; 0.5 leaves content weight and likeness."""
    content_weight: float = 155.0
    style_weight: float = 20.0
    likeness: float = 0.7
    """How like the photo the picture stays: cosine similarity of their features below which content counts steeply."""
    focus: float = 0.8
    """How much more content counts at edges and in the foreground than in flat places: 0 not at all, 1 most."""
    protect: Literal["faces", "person", "none"] = "faces"
    """Where content counts several times as much: in the faces or the people that are found in the photo, if any."""
    tv_weight: float = 1.0
    """Weight of the total variation: squared differences of neighboring pixels."""
    border_tv: float = 100.0
    """How many times more total variation counts along the border of the picture, which would else show a line."""
    range_weight: float = 60.0
    """Weight of the range loss, which keeps values away from 0 and 255, where colors are blown."""
    # conv3_2 holds eyes and mouths, which conv4_2 alone lets melt.
    content_layers: LayerWeights = (("conv4_2", 1.0), ("conv3_2", 0.2))
    # Nothing after conv4_2 is computed, which saves a quarter of every step. conv5_1 adds nothing visible.
    style_layers: LayerWeights = (("conv1_1", 3.0), ("conv2_1", 3.0), ("conv3_1", 1.5), ("conv4_1", 0.15))
    coarse_layers: LayerWeights = (("conv1_1", 1.0), ("conv2_1", 1.0), ("conv3_1", 1.0), ("conv4_1", 0.5))
    """Style layers while the picture is small, and of its reduced copies: there, deep layers see large forms."""
    copies_weight: float = 0.4
    """Weight of the style of each reduced copy of the picture, relative to the picture's own style weight, 0 to 1."""
    objective: Literal["gatys", "mean", "norm", "joint"] = "norm"
    """Differences as squares (``gatys``, ``mean``) or distances (``norm``, ``joint``); see `losses`."""
    whitening: float = 0.45
    """How far differences of Gram matrices are whitened by the painting's own, 0 to 0.5. It saves steps."""
    by_brightness: float = 0.0
    """Share of the style of conv1_1 and conv2_1 that is compared for dark, middling and bright places apart, 0 to 1."""
    pooling: Literal["avg", "max"] = "avg"
    padding: Literal["zeros", "first-block", "replicate", "reflect"] = "first-block"
    """What the network sees beyond the border. With zeros it paints a faint colored line along it; ``first-block``
    repeats the outermost row in the network's first block and pads with zeros after that."""
    octaves: bool = True
    """Whether a picture is painted small first, then larger: forms as large as the painting's find their place."""
    coarsest: int = 128
    """Long side of the picture when it is painted first, about."""
    tolerance: float = 0.001
    """A size is left early when a step changes the picture by less than this, root mean square in units of 0..255."""
    style_scale: float | Literal["auto"] = "auto"
    """Long side of the painting relative to that of the result, or to that of one of 2:1 with as many pixels where the
    result is longer: larger makes larger strokes. ``"auto"``: 0.8 to 2, by the painting's strokes."""
    init: Literal["recolored", "content", "noise", "style"] = "recolored"
    """Start picture: the photo in the painting's colors (``recolored``), the photo, noise, or the painting."""
    noise_ratio: float = 0.0
    """Share of noise mixed into the start picture, 0 to 1; a start from ``noise`` is noise alone."""
    noise: Literal["uniform", "normal"] = "uniform"
    """``uniform`` in [-20, 20] or ``normal`` with standard deviation 0.256, around the mean pixel."""
    clip: bool = True
    """Whether pixels stay inside 0..255 at every step, so that saving changes nothing."""
    seed: int = 0
    """Seed of the noise."""

    def __post_init__(self) -> None:
        """Check every value; the first bad one raises `InputError`."""
        for name in LAYER_FIELDS:
            layers = getattr(self, name)
            pairs = layers.items() if isinstance(layers, Mapping) else layers
            object.__setattr__(self, name, tuple((layer, weight) for layer, weight in pairs))
        for name, (low, high) in RANGES.items():
            _check_range(name, getattr(self, name), low, high)
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{_option(name)} must be one of {', '.join(allowed)}; found {str(getattr(self, name))!r}."
                )
        for name in LAYER_FIELDS:
            _check_layers(name, getattr(self, name))

    @property
    def step_count(self) -> int:
        """The number of steps: `steps`, or the optimizer's own."""
        return STEPS[self.optimizer] if self.steps is None else self.steps

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain values, with the number of steps that None stands for."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["steps"] = self.step_count
        return values | {name: dict(getattr(self, name)) for name in LAYER_FIELDS}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings of `to_json`; raises `FactError` or, for a value out of its range, `InputError`."""
        return read_fields(cls, values, "settings")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-").removesuffix("s" if name.endswith("_layers") else "")


_NO_NUMBERS = {"size": ORIGINAL, "steps": None, "style_scale": AUTO}
"""What numbers may be instead."""


def _check_range(name: str, value: Any, low: float, high: float) -> None:
    if name in _NO_NUMBERS and value == _NO_NUMBERS[name]:
        return
    whole = name in ("size", "steps", "seed", "coarsest")
    kind = "a whole number" if whole else "a number"
    number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        bound = f"from {low} to {high}" if whole else f"from {low:g} to {high:g}"
        extra = f", or {_NO_NUMBERS[name]!r}" if _NO_NUMBERS.get(name) else ""
        raise InputError(f"{_option(name)} must be {kind}, {bound}{extra}; found {value!r}.")


def _check_layers(name: str, layers: LayerWeights) -> None:
    if not layers:
        raise InputError(f"{_option(name)} needs at least one layer.")
    for layer, weight in layers:
        check_layer(layer)
        if not 0.0 <= weight <= _MAX_WEIGHT:
            raise InputError(f"{_option(name)} {layer} needs a weight from 0 to {_MAX_WEIGHT:g}; found {weight!r}.")
    names = [layer for layer, _ in layers]
    if len(set(names)) < len(names):
        raise InputError(f"{_option(name)} names a layer twice: {', '.join(names)}; give each once.")


LAYER_FIELDS = tuple(field.name for field in fields(Settings) if field.name.endswith("_layers"))
"""Names of the fields that hold layers and their weights."""

DEFAULT = Settings()
