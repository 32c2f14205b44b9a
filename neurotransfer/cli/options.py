"""The command line's options, one entry each, in the sets that commands share; how they become Settings.

Imports nothing heavy.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from neurotransfer.cli.help import Section, SectionOption
from neurotransfer.cli.option_types import BYTES, DURATION, WEIGHTS, Choice, LayerType, NumberOr, PathType
from neurotransfer.runs.print_sizes import PAPERS
from neurotransfer.transfer.presets import PRESET_ALIASES, PRESETS, preset
from neurotransfer.transfer.settings import (
    AUTO,
    CHOICES,
    DEFAULT,
    INITS,
    LAYER_FIELDS,
    ORIGINAL,
    PROTECTS,
    STEPS,
    LayerWeights,
    Settings,
)

PROGRESS = ("auto", "bar", "lines", "json", "none")
"""How progress is shown."""

Command = TypeVar("Command", bound=Callable[..., Any])

_METAVARS: dict[Any, str] = {float: "X", int: "N"}  # as in docs/settings.md


def option(
    *names: str, section: Section = "Messages", common: bool = False, **attributes: Any
) -> Callable[[Command], Command]:
    """A `click.option` with a place in the help, also read from the environment variable ``NEUROTRANSFER_<NAME>``.

    Args:
        names: as for `click.option`; ``envvar=None`` makes an option that no variable sets.
        section: heading under which the help shows the option.
        common: whether --help shows it even where --help-all is needed to see all.
        attributes: as for `click.option`.
    """
    long_name = next(name for name in names if name.startswith("--")).split("/")[0]
    attributes.setdefault("envvar", "NEUROTRANSFER_" + long_name.removeprefix("--").replace("-", "_").upper())
    return click.option(*names, cls=SectionOption, section=section, common=common, **attributes)


def _setting(*names: str, section: Section, **attributes: Any) -> Callable[[Command], Command]:
    """An option of the `Settings` field of the same name: its default and its choices come from there."""
    field = names[-1].removeprefix("--").split("/")[0].replace("-", "_")
    if field in CHOICES:
        attributes.setdefault("type", Choice(CHOICES[field]))
    default = getattr(DEFAULT, field, None)
    shown = ("yes" if default else "no") if isinstance(default, bool) else str(default)
    attributes.setdefault("show_default", shown)
    attributes.setdefault("metavar", _METAVARS.get(attributes.get("type")))
    return option(*names, default=None, section=section, **attributes)


def _look(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    return _setting(*names, section="Look", **attributes)


def _search(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    return _setting(*names, section="Optimisation", **attributes)


def _named(field: str) -> str:
    return " ".join(f"{layer}={weight:g}" for layer, weight in getattr(DEFAULT, field))


def _stack(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


save_every_option = option(
    "--save-every", section="Output", type=DURATION, default=30.0, show_default="30s",
    help="Time between savings of a run folder's state.",
)  # fmt: skip
max_memory_option = option(
    "--max-memory", section="Resources", type=BYTES, show_default="most of what is free",
    help="Memory to stay below: 2G, 800M.",
)  # fmt: skip

output_option = option(
    "-o", "--output", section="Output", common=True, type=PathType(str), metavar="PATH",
    default="output/", show_default=True,
    help="A folder, in which the run gets its own, or a file name (.png .jpg .webp .tif).",
)  # fmt: skip
result_options = _stack(
    option("--overwrite", section="Output", common=True, is_flag=True, help="Replace an existing result."),
    option("--print", "paper", section="Output", common=True, type=Choice(PAPERS),
           metavar="SHEET", help=f"Sheet to fill; sets the size, enlarging if needed: {', '.join(PAPERS)}."),
    option("--dpi", section="Output", type=float, metavar="N", show_default="300 with --print",
           help="Pixels per inch, noted in the files."),
    option("--bits", section="Output", type=click.Choice([8, 16]), default=8, show_default=True,
           help="Depth of the result's channels; 16 for PNG and TIFF."),
    option("--alpha", section="Output", type=Choice(["keep", "flatten"]), default="keep", show_default=True,
           help="The photo's transparency: put back into the result, or laid over white."),
    option("--keep-gps", section="Output", is_flag=True, help="Also copy the place from the photo's EXIF."),
    option("--snapshot-every", section="Output", metavar="N", type=click.IntRange(min=0),
           show_default="20 in a folder, 0 for a file", help="Steps between saved snapshots; 0 for none."),
    save_every_option,
)  # fmt: skip
"""Options that decide what is written."""

objective_options = _stack(
    option("--preset", section="Look", common=True, type=Choice(PRESETS, PRESET_ALIASES), default="default",
           show_default=True, help="The settings that all other options start from."),
    _look("--size", common=True, type=NumberOr(int, ORIGINAL, "a number of pixels"),
          help="Long side in pixels; the aspect ratio is the photo's."),
    _look("--style-scale", common=True, type=NumberOr(float, AUTO),
          help="Size of the painting relative to the result; larger makes larger strokes. auto: by its strokes."),
    _look("--strength", common=True, type=float,
          help="How much of the painting there is: 0 a hint, 1 all of it."),
    _look("--likeness", type=float,
          help="How much the picture stays like the photo, about: 0 to 1; 0 sets no limit."),
    _look("--focus", type=float, help="How much more content counts at edges than in flat places, 0 to 1."),
    _look("--protect", type=PathType(str, PROTECTS), metavar=f"{'|'.join(PROTECTS)}|PATH",
          help="What stays more like the photo: faces, people, or where a mask of its shape is white."),
    _look("--content-weight", type=float, help="Weight of the content loss."),
    _look("--style-weight", type=float, help="Weight of the style loss."),
    _look("--tv-weight", type=float, help="Weight of the total variation loss, which smooths."),
    _look("--border-tv", type=float, help="How many times more total variation counts along the border."),
    _look("--range-weight", type=float, help="Weight of the range loss, which keeps values away from 0 and 255."),
    _look("content_layers", "--content-layer", type=LayerType(), multiple=True, show_default=_named("content_layers"),
          help="Layer of the content loss; repeatable. Without =WEIGHT: an equal share."),
    _look("style_layers", "--style-layer", type=LayerType(), multiple=True, show_default=_named("style_layers"),
          help="Layer of the style loss; repeatable. Without =WEIGHT: an equal share."),
    _look("coarse_layers", "--coarse-layer", type=LayerType(), multiple=True, show_default=_named("coarse_layers"),
          help="Style layer while the picture is small, and of its copies; repeatable."),
    _look("--copies-weight", type=float, help="Style weight of reduced copies, relative to the picture's, 0 to 1."),
    _look("--coarsest", type=int, help="Long side at which the picture is painted first, about."),
    _look("--objective", help="How differences become losses; see docs/settings.md."),
    _look("--whitening", type=float, help="Whiten Gram differences by the painting's, 0 to 0.5."),
    _look("--by-brightness", type=float, help="Compare strokes of dark, middling, bright places apart, 0 to 1."),
    _look("--pooling", help="Pooling of the network."),
    _look("--padding", help="What the network sees beyond the border."),
    option("--max-pixels", section="Input", metavar="N", type=click.IntRange(min=1), show_default="200 million",
           help="Pixels that a picture file may have."),
    option("--weights", section="Input", type=WEIGHTS, metavar="builtin|full|PATH", default=None,
           show_default="chosen, else built in",
           help="VGG-19 weights: the built-in ones, the installed full ones, or a file."),
)  # fmt: skip
"""Options that decide what is measured: shared by ``run`` and ``evaluate``."""

run_options = _stack(
    _look("--enlarge/--no-enlarge", help="Enlarge a photo smaller than --size."),
    _search("--steps", common=True, type=int,
            show_default=", ".join(f"{steps} for {name}" for name, steps in STEPS.items()),
            help="Number of steps of the optimizer."),
    _search("--optimizer", help="How the picture is updated."),
    _search("--learning-rate", type=float, help="Adam's rate, in units of 0..255 a step."),
    _search("--schedule", help="Adam's rate over the steps."),
    _search("--beta1", type=float, help="Adam's memory of gradients."),
    _search("--beta2", type=float, help="Adam's memory of the size of gradients."),
    _search("--octaves/--no-octaves", help="Paint the picture small first, then larger."),
    _search("--tolerance", type=float, help="Stop when a step changes less, in units of 0..255."),
    _search("--init", type=PathType(str, INITS), metavar=f"{'|'.join(INITS)}|PATH", help="Start picture."),
    _search("--noise-ratio", type=float, help="Share of noise mixed into the start picture, 0 to 1."),
    _search("--noise", help="Kind of noise: uniform in [-20, 20], or normal with deviation 0.256."),
    _search("--clip/--no-clip", help="Keep pixels inside 0..255 at every step."),
    _search("--seed", type=int, help="Seed of the noise."),
    option("--time-budget", section="Resources", common=True, type=DURATION, show_default="none",
           help="Do the best that fits: 90s, 10m, 1h."),
    max_memory_option,
    _setting("--precision", section="Resources", help="Arithmetic of the convolutions."),
)  # fmt: skip
"""Options that decide how the picture is found, and with what."""

as_json_option = option(
    "--json", "as_json", is_flag=True, help="Print one JSON object at the end; all else goes to standard error."
)

message_options = _stack(
    option("-q", "--quiet", common=True, is_flag=True, help="Print errors only."),
    option("-v", "--verbose", is_flag=True, help="Print what is decided, and why."),
    option("--progress", type=Choice(PROGRESS), default="auto", show_default=True,
           help="How progress is shown on standard error; json: one object a line. auto: a bar on a terminal."),
    as_json_option,
)  # fmt: skip
"""Options that decide what is printed."""


def to_settings(preset_name: str, given: dict[str, Any]) -> Settings:
    """Return the preset's settings with the options that were given on top.

    Raises:
        InputError: the preset is unknown or a value is out of its range.
    """
    changes = {name: value for name, value in given.items() if value is not None and value != ()}
    for name in LAYER_FIELDS:
        if name in changes:
            changes[name] = _shares(changes[name])
    if "style_layers" in changes:  # who names the layers of the style means it at every size
        changes.setdefault("coarse_layers", changes["style_layers"])
    return preset(preset_name, **changes)


def _shares(layers: tuple[tuple[str, float | None], ...]) -> LayerWeights:
    return tuple((name, 1.0 / len(layers) if weight is None else weight) for name, weight in layers)
