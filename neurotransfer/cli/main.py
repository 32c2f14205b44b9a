"""The commands, one Click command each. Errors become one sentence and an exit code."""

import errno
import json
import logging
import signal
import sys
import time
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from neurotransfer.cli.batch import batch
from neurotransfer.cli.console import echo_line, log_to_stderr, one_line, prepare_streams, report
from neurotransfer.cli.help import SectionCommand
from neurotransfer.cli.option_types import PATH
from neurotransfer.cli.options import (
    max_memory_option,
    message_options,
    objective_options,
    option,
    output_option,
    result_options,
    run_options,
    save_every_option,
    to_settings,
)
from neurotransfer.cli.sweep import sweep
from neurotransfer.cli.weights import doctor, weights
from neurotransfer.system.errors import InputError, NeurotransferError, reason_of
from neurotransfer.system.signals import raising_signals
from neurotransfer.transfer.settings import PROTECTS

if TYPE_CHECKING:
    from neurotransfer.runs.job import Prepared

logger = logging.getLogger(__name__)

EPILOG = "Every option can also be given as an environment variable: NEUROTRANSFER_STYLE_WEIGHT for --style-weight."


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, epilog=EPILOG)
@click.version_option(package_name="neurotransfer")
def cli() -> None:
    """Paint photographs in the style of pictures."""


@cli.command(
    cls=SectionCommand,
    epilog=EPILOG,
    examples=(
        "neurotransfer run -c photo.jpg -s painting.jpg --size 1024",
        "neurotransfer run -c photo.jpg -s painting.jpg --print a4 -o poster.png",
    ),
)
@option("-c", "--content", section="Input", common=True, type=PATH, show_default="a shipped photo", help="The photo.")
@option("-s", "--style", section="Input", common=True, type=PATH, show_default="a shipped painting",
        help="The painting.")  # fmt: skip
@output_option
@result_options
@objective_options
@run_options
@message_options
def run(
    content: Path | None,
    style: Path | None,
    output: str,
    quiet: bool,
    verbose: bool,
    progress: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Paint one photo in the style of one picture."""
    begun = time.monotonic()
    log_to_stderr(quiet=quiet, verbose=verbose, events=progress == "json")

    from neurotransfer.cli.jobs import to_job
    from neurotransfer.runs.job import prepare

    job = to_job(content, style, output, given)
    _paint(prepare(job), begun, quiet=quiet, progress=progress, as_json=as_json)


def _refuse(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    source = context.get_parameter_source(parameter.name or "")
    if source == ParameterSource.COMMANDLINE:
        raise InputError(
            f"{parameter.opts[-1]} cannot change in a run that is begun; leave it out, or start a new run."
        )
    if source == ParameterSource.ENVIRONMENT and parameter.name not in _PICTURE_STAYS:
        raise InputError(f"{parameter.envvar} cannot change in a run that is begun; unset it, or start a new run.")
    return value


_PICTURE_STAYS = ("output", "overwrite", "snapshot_every", "max_pixels")
"""Options that do not shape the picture: their environment variables may stay set during a resume."""


def _refusing(command: click.Command) -> click.Command:
    """Add the options that only ``run`` has as hidden ones, which are refused by name instead of as unknown."""
    own = {parameter.name for parameter in command.params}
    for parameter in run.params:
        if parameter.name not in own and isinstance(parameter, click.Option):
            refused = copy(parameter)
            refused.hidden, refused.expose_value, refused.callback = True, False, _refuse
            refused.type = refused.type if refused.is_flag else click.STRING  # also refuses wrong values by name
            command.params.append(refused)
    return command


@_refusing
@cli.command(cls=SectionCommand, epilog=EPILOG)
@click.argument("folder", type=PATH, metavar="RUN_FOLDER")
@option("--more", section="Optimisation", envvar=None, type=click.IntRange(1, 1_000_000), metavar="N",
        help="Add N steps to a finished run.")  # fmt: skip
@save_every_option
@max_memory_option
@message_options
def resume(
    folder: Path,
    more: int | None,
    save_every: float,
    max_memory: float | None,
    quiet: bool,
    verbose: bool,
    progress: str,
    as_json: bool,
) -> None:
    """Resume an interrupted run, or extend a finished one.

    The settings, photo and painting stay the same. In float32 on the same machine, with as many cores, the picture
    is byte for byte that of an uninterrupted run.
    """
    begun = time.monotonic()
    log_to_stderr(quiet=quiet, verbose=verbose, events=progress == "json")

    from neurotransfer.runs.resume import prepare_resumed

    prepared = prepare_resumed(folder, more=more, max_memory=max_memory, save_every=save_every)
    _paint(prepared, begun, quiet=quiet, progress=progress, as_json=as_json)


def _paint(prepared: "Prepared", begun: float, *, quiet: bool, progress: str, as_json: bool) -> None:
    from neurotransfer.cli.progress import step_progress
    from neurotransfer.runs.runner import run_job
    from neurotransfer.system.tensorflow import load_tensorflow

    with step_progress(prepared, "none" if quiet else progress) as on_step:
        result = run_job(prepared, on_step, setup=load_tensorflow)
    if as_json:
        click.echo(json.dumps({"picture": str(result.picture), **result.run_log}))
    elif not quiet:
        report(f"Painted in {time.monotonic() - begun:.0f} s: {result.picture}")


@cli.command(
    cls=SectionCommand,
    epilog=EPILOG,
    examples=("neurotransfer evaluate -c photo.jpg -s painting.jpg result.png other.png",),
)
@option("-c", "--content", section="Input", common=True, type=PATH, required=True, help="The photo.")
@option("-s", "--style", section="Input", common=True, type=PATH, required=True, help="The painting.")
@objective_options
@option("--json", "as_json", common=True, is_flag=True, help="Print one JSON object instead of a table.")
@click.argument("images", type=PATH, nargs=-1, required=True, metavar="IMAGE...")
def evaluate(
    content: Path,
    style: Path,
    images: tuple[Path, ...],
    preset: str,
    weights: str | None,
    max_pixels: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Print content, style and total loss of existing pictures.

    Each picture is measured at its own size, or at --size if given. Losses include their weights, as in a run.
    """
    from neurotransfer.cli.jobs import file_of

    mask = file_of(given, "protect", PROTECTS)
    settings = to_settings(preset, given)
    side = given["size"] if isinstance(given["size"], int) else None

    from neurotransfer.runs.evaluate import evaluate as measure
    from neurotransfer.system.tensorflow import load_tensorflow

    options: dict[str, Any] = {"weights": weights, "long_side": side, "max_pixels": max_pixels, "mask": mask}
    rows = [
        {"file": str(path), **losses, "total": losses.total}
        for path, losses in measure(images, content, style, settings, **options, setup=load_tensorflow)
    ]
    if as_json:
        inputs = {"content": content.name, "style": style.name}
        click.echo(json.dumps({**inputs, "settings": settings.to_json(), "images": rows}))
        return
    for row in rows:
        row["file"] = one_line(str(row["file"]))
    width = max(len(str(row["file"])) for row in rows)
    terms = [name for name in rows[0] if name != "file"]
    click.echo("  ".join([f"{'picture':{width}}", *(f"{term:>10}" for term in terms)]))
    for row in rows:
        click.echo("  ".join([f"{row['file']:{width}}", *(f"{row[term]:10.4g}" for term in terms)]))


cli.add_command(batch)
cli.add_command(sweep)
cli.add_command(weights)
cli.add_command(doctor)


def main() -> None:
    """Run the command line; every known error becomes one sentence on standard error and an exit code."""
    prepare_streams()
    try:
        with raising_signals():
            code = cli.main(prog_name="neurotransfer", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        echo_line(f"Error: {error.format_message()}", err=True)
        code = error.exit_code
    except NeurotransferError as error:
        echo_line(f"Error: {error}", err=True)
        code = error.exit_code
    except MemoryError:  # outside of the steps; during them the run handles it
        echo_line("Error: The memory ran out; give a smaller --size, or smaller pictures.", err=True)
        code = 1
    except OSError as error:  # from standard output or an odd file name; other files are handled where they are used
        what = f"{error.filename} cannot be used" if error.filename else "the output cannot be written"
        echo_line(f"Error: {what}: {error.strerror or error}.", err=True)
        code = 2 if error.errno == errno.ENAMETOOLONG else 1
    except (click.Abort, KeyboardInterrupt):
        echo_line("Interrupted.", err=True)
        code = 130
    except Exception as error:  # a mistake of ours, or a broken package, which may raise anything
        logger.debug("Where it failed:", exc_info=error)
        reason = f"{type(error).__name__}: {reason_of(error)}"
        echo_line(
            f"Error: The program failed ({reason}); run 'neurotransfer doctor', and report this if it finds nothing.",
            err=True,
        )
        code = 1
    except SystemExit as stop:  # SIGTERM outside of the steps, or Click on a closed pipe
        if stop.code == 128 + signal.SIGTERM:
            echo_line("Interrupted.", err=True)
        code = stop.code
    sys.exit(code)
