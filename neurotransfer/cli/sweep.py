"""``neurotransfer sweep``: small pictures with settings that vary, on one sheet."""

import difflib
import shlex
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from neurotransfer.cli.console import log_to_stderr, report
from neurotransfer.cli.help import SectionCommand
from neurotransfer.cli.option_types import PATH, PathType
from neurotransfer.cli.options import message_options, objective_options, option, result_options, run_options
from neurotransfer.system.errors import InputError

if TYPE_CHECKING:  # NumPy, which these import, would delay --help
    from neurotransfer.batch.sweep import Axis, Cell
    from neurotransfer.batch.tasks import Task
    from neurotransfer.runs.job import Job

PROOF_SIZE = 256
_COMMANDS = "commands.txt"
_NOT_REPEATED = {"vary", "output", "size", "jobs", "quiet", "verbose", "progress", "as_json", "overwrite"}
"""Options that the printed commands leave out."""
_NOT_VARIED = {*_NOT_REPEATED, "content", "content_layers", "style_layers", "coarse_layers"}


@click.command(
    cls=SectionCommand,
    examples=(
        "neurotransfer sweep -c photo.jpg -s painting.jpg --vary strength=0.3,0.5,0.8 --vary style-scale=0.7,1,1.5",
    ),
)
@option("-c", "--content", section="Input", common=True, type=PATH, show_default="a shipped photo", help="The photo.")
@option(
    "-s", "--style", section="Input", common=True, type=PATH, show_default="a shipped painting", help="The painting."
)
@option(
    "--vary",
    section="Look",
    common=True,
    multiple=True,
    metavar="NAME=A,B,...",
    envvar=None,
    help="A setting, preset, style or seed with its values; repeatable: down, across, then sheets.",
)
@option(
    "-o",
    "--output",
    section="Output",
    common=True,
    type=PathType(str),
    metavar="PATH",
    default="sweep/",
    show_default=True,
    help="The folder of the sheet and its pictures.",
)
@result_options
@objective_options
@run_options
@option(
    "-j",
    "--jobs",
    section="Resources",
    type=click.IntRange(1, 1024),
    metavar="N",
    show_default="one for each core",
    help="Pictures painted at once, each in a process of its own.",
)
@message_options
def sweep(
    content: Path | None,
    style: Path | None,
    vary: tuple[str, ...],
    output: str,
    jobs: int | None,
    quiet: bool,
    verbose: bool,
    progress: str,
    as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Paint one photo with settings that vary, small, and lay the pictures out on one sheet.

    The pictures have 256 pixels unless --size is given. commands.txt beside the sheet holds, for each, the command that
    paints it in full size.
    """
    begun = time.monotonic()
    log_to_stderr(quiet=quiet, verbose=verbose, events=progress == "json")
    axes = _axes(vary)

    from neurotransfer.batch.crew import default_seats
    from neurotransfer.batch.records import require_ours
    from neurotransfer.batch.sweep import cells_of, sheet_name, write_sheets
    from neurotransfer.batch.tasks import sort_out
    from neurotransfer.cli.batch import paint
    from neurotransfer.cli.batch_report import report_rows

    cells = cells_of(axes)
    tasks = _tasks(cells, content, style, Path(output), {**given, "size": given["size"] or PROOF_SIZE})
    folder = tasks[0].folder
    require_ours(folder, [_COMMANDS, *(sheet_name(axes, cell.place) for cell in cells)])
    rows = sort_out(tasks, skip_existing=False, overwrite=given["overwrite"])
    todo = [task for task, row in zip(tasks, rows, strict=True) if row.status == "waiting"]
    seats = max(1, min(jobs or default_seats(), len(todo)))
    rows, number = paint(todo, rows, folder, seats, "none" if quiet else progress, verbose=verbose, fail_fast=False)
    sheets = write_sheets(folder, axes, cells)
    _write_commands(folder / _COMMANDS, cells)
    report_rows(rows, folder, begun, quiet=quiet, as_json=as_json)
    if not quiet and not as_json:
        for sheet in sheets:
            report(f"Sheet: {sheet}; commands for full size: {folder / _COMMANDS}")
    failed = any(row.status == "failed" for row in rows)
    click.get_current_context().exit(128 + number if number else int(failed))


def _axes(vary: Sequence[str]) -> "list[Axis]":
    """Return the axes of ``NAME=A,B``; those of one name are one."""
    from neurotransfer.batch.sweep import Axis

    if not vary:
        raise InputError("--vary is missing; expected what varies, such as --vary strength=0.3,0.5,0.8.")
    found: dict[str, dict[str, Any]] = {}
    context = click.get_current_context()
    options = {parameter.name: parameter for parameter in context.command.params if parameter.name not in _NOT_VARIED}
    for words in vary:
        name, equals, values = words.partition("=")
        name = name.strip().lower().replace("-", "_")
        if name not in options:
            near = difflib.get_close_matches(name, [str(known) for known in options], 1)
            hint = (
                f"did you mean {_dashed(near[0])}?" if near else "expected a setting such as strength, preset or seed."
            )
            raise InputError(f"--vary knows no {_dashed(name)}; {hint}")
        labels = [value.strip() for value in values.split(",") if value.strip()]
        if not equals or not labels:
            raise InputError(f"--vary {words} names no values; expected {_dashed(name)}=A,B,...")
        for label in labels:
            try:
                value = options[name].type_cast_value(context, label)
            except click.BadParameter as error:
                raise InputError(f"--vary {_dashed(name)}: {error.message}") from None
            short = value.stem if isinstance(value, Path) else label
            found.setdefault(_dashed(name), {})[short] = value
    return [Axis(name, tuple(values.values()), tuple(values)) for name, values in found.items()]


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _tasks(
    cells: "Sequence[Cell]", content: Path | None, style: Path | None, folder: Path, given: dict[str, Any]
) -> "list[Task]":
    from neurotransfer.batch.sources import Source
    from neurotransfer.batch.tasks import Wanted, tasks_in
    from neurotransfer.cli.jobs import to_job
    from neurotransfer.runs.samples import PAINTING, PHOTO

    wanted, base = [], _proof(given)
    for cell in cells:
        values = {name.replace("-", "_"): value for name, value in cell.values.items()}
        painting = values.pop("style", style) or PAINTING
        settings = to_job(None, None, "", {**given, "paper": None, **values}).settings
        wanted.append(Wanted(Source(content or PHOTO), Source(painting), settings, output=cell.output))
    return tasks_in(folder, wanted, base)


def _proof(given: dict[str, Any]) -> "Job":
    """Return the job that all pictures share: that of the options, but for what is meant for the large picture."""
    from neurotransfer.cli.jobs import to_job

    base = to_job(None, None, "", {**given, "paper": None})
    return replace(base, options=replace(base.options, dpi=None, bits=8))


def _write_commands(path: Path, cells: "Iterable[Cell]") -> None:
    from neurotransfer.system.files import atomic_file

    given = _given_words()
    lines = []
    for cell in cells:
        varied = [word for name, value in cell.values.items() for word in _words(f"--{name}", value)]
        words = ["neurotransfer", "run", *given, *varied, "--output", f"full/{cell.output}"]
        lines += [f"# {', '.join(cell.labels)}", shlex.join(words), ""]
    with atomic_file(path) as handle:
        handle.write("\n".join(lines).encode("utf-8", "surrogateescape"))


def _given_words() -> list[str]:
    """Return the options that were given for all pictures, as a command line has them."""
    context = click.get_current_context()
    found: list[str] = []
    varied = {words.partition("=")[0].strip().lower().replace("-", "_") for words in context.params["vary"]}
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        given = source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
        if given and parameter.name not in _NOT_REPEATED and parameter.name not in varied:
            name, value = max(parameter.opts, key=len), context.params[parameter.name or ""]
            if value is False and parameter.secondary_opts:
                name, value = parameter.secondary_opts[0], True
            for each in value if parameter.multiple else [value]:
                found += _words(name, each)
    return found


def _words(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [name] if value else [name.replace("--", "--no-", 1)]
    if isinstance(value, tuple):  # a layer and its weight
        layer, weight = value
        return [name, layer if weight is None else f"{layer}={weight:g}"]
    return [name, str(value)]
