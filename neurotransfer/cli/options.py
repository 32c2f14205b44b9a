"""The command line's options, and how they become Settings. Imports nothing heavy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from neurotransfer.cli.option_types import DURATION as DURATION  # also imported from here by cli/weights.py
from neurotransfer.cli.option_types import PATH as PATH
from neurotransfer.cli.option_types import AliasedChoice, LayerType, SizeType
from neurotransfer.transfer.settings import (
    CHOICES,
    DEFAULT,
    INITS,
    PRESETS,
    STEPS,
    LayerWeights,
    Settings,
    preset,
)

Command = TypeVar("Command", bound=Callable[..., Any])

PRESET_ALIASES = {"seed": "classic"} if "classic" in PRESETS else {}
"""Former names of presets, still accepted but not shown."""


def option(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    """A `click.option` that can also be given as the environment variable ``NEUROTRANSFER_<NAME>``."""
    long_name = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = "NEUROTRANSFER_" + long_name.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, **attributes)


def _setting(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    """An option of the `Settings` field of the same name: its default and its choices come from there."""
    field = names[-1].removeprefix("--").split("/")[0].replace("-", "_")
    if field in CHOICES:
        attributes["type"] = click.Choice(CHOICES[field])
    default = getattr(DEFAULT, field, None)
    shown = ("yes" if default else "no") if isinstance(default, bool) else str(default)
    attributes.setdefault("show_default", shown)
    return option(*names, default=None, **attributes)


def _named(field: str) -> str:
    return " ".join(f"{layer}={weight:g}" for layer, weight in getattr(DEFAULT, field))


def _stack(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


objective_options = _stack(
    option("--preset", type=AliasedChoice(PRESETS, PRESET_ALIASES), default="default", show_default=True,
           help="Where all other settings start from."),
    _setting("--size", type=SizeType(), help="Long side in pixels; the aspect ratio is the photo's."),
    _setting("--content-weight", type=float, help="Weight of the content loss."),
    _setting("--style-weight", type=float, help="Weight of the style loss."),
    _setting("--tv-weight", type=float, help="Weight of the total variation loss, which smooths."),
    _setting("--frame-smoothing", type=float, help="How much more total variation counts along the frame."),
    _setting("--extremes-weight", type=float, help="Weight of the loss that keeps values away from 0 and 255."),
    _setting(
        "content_layers", "--content-layer", type=LayerType(), multiple=True, show_default=_named("content_layers"),
        help="Layer of the content loss; repeatable. Without =WEIGHT: an equal share.",
    ),
    _setting(
        "style_layers", "--style-layer", type=LayerType(), multiple=True, show_default=_named("style_layers"),
        help="Layer of the style loss; repeatable. Without =WEIGHT: an equal share.",
    ),
    _setting("--likeness", type=float, help="How like the photo the picture stays, about: 0 to 1, 0: no limit."),
    _setting("--objective", help="How differences become losses; see docs/settings.md."),
    _setting("--whitening", type=float, help="Whiten Gram differences by the painting's, 0 to 0.5."),
    _setting("--style-scale", type=float, help="Size of the painting relative to the result: larger, larger strokes."),
    _setting("--pooling", help="Pooling of the network."),
    _setting("--padding", help="What the network sees beyond the frame."),
    option("--max-pixels", type=click.IntRange(min=1), show_default="200 million",
           help="Pixels that a picture file may have."),
    option("--weights", metavar="builtin|full|PATH", default=None, show_default="found, else chosen, else built in",
           help="VGG-19 weights: the built-in ones, the installed full ones, or a file."),
)  # fmt: skip
"""Options that decide what is measured: shared by ``run`` and ``evaluate``."""

run_options = _stack(
    _setting("--enlarge/--no-enlarge", help="Enlarge a photo smaller than --size."),
    _setting(
        "--steps",
        type=int,
        show_default=" ".join(f"{name}: {steps}" for name, steps in STEPS.items()),
        help="Number of updates of the picture.",
    ),
    _setting("--optimizer", help="How the picture is updated."),
    _setting("--precision", help="Arithmetic of the convolutions."),
    _setting("--learning-rate", type=float, help="Adam's rate, in units of 0..255 a step."),
    _setting("--schedule", help="Adam's rate over the steps."),
    _setting("--beta2", type=float, help="Adam's memory of the size of gradients."),
    _setting("--octaves/--no-octaves", help="Paint a large picture small first."),
    _setting("--tolerance", type=float, help="Stop when a step changes less, in units of 0..255."),
    _setting("--init", metavar=f"{'|'.join(INITS)}|PATH", help="Start picture."),
    _setting("--noise-ratio", type=float, help="Share of noise mixed into the start picture, 0 to 1."),
    _setting("--noise", help="Kind of noise: uniform in [-20, 20], or normal with deviation 0.256."),
    _setting("--clip/--no-clip", help="Keep pixels inside 0..255 at every step."),
    _setting("--seed", type=int, help="Seed of the noise."),
)
"""Options that decide how the picture is found."""


def to_settings(preset_name: str, given: dict[str, Any]) -> Settings:
    """Return the preset's settings with the options that were given on top.

    Raises:
        InputError: the preset is unknown or a value is out of its range.
    """
    changes = {name: value for name, value in given.items() if value is not None and value != ()}
    for name in ("content_layers", "style_layers"):
        if name in changes:
            changes[name] = _shares(changes[name])
    if "init" in changes and changes["init"] not in INITS:
        changes["init"] = Path(changes["init"])
    return preset(preset_name, **changes)


def _shares(layers: tuple[tuple[str, float | None], ...]) -> LayerWeights:
    return tuple((name, 1.0 / len(layers) if weight is None else weight) for name, weight in layers)
