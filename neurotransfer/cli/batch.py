"""``neurotransfer batch``: many photos, in one go."""

import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurotransfer.cli.console import log_to_stderr
from neurotransfer.cli.help import SectionCommand
from neurotransfer.cli.option_types import PATH, Choice, PathType
from neurotransfer.cli.options import message_options, objective_options, option, result_options, run_options
from neurotransfer.system.errors import InputError

if TYPE_CHECKING:  # NumPy, which these import, would delay --help
    from neurotransfer.batch.manifest import ManifestRow
    from neurotransfer.batch.records import Row
    from neurotransfer.batch.sources import Source
    from neurotransfer.batch.tasks import Task, Wanted
    from neurotransfer.runs.job import Job

_LIST = "-"


@click.command(
    cls=SectionCommand,
    examples=(
        "neurotransfer batch photos/ --style paintings/ --output styled/",
        "neurotransfer batch '*.jpg' -s painting.jpg -o 'styled/{content}-{n}.jpg' --dry-run",
    ),
)
@click.argument("photos", type=PathType(Path, (_LIST,)), nargs=-1, metavar="PHOTO...")
@option(
    "-s",
    "--style",
    "styles",
    section="Input",
    common=True,
    type=PATH,
    multiple=True,
    show_default="a shipped painting",
    help="A painting, a folder of them, or a pattern; repeatable.",
)
@option(
    "--combine",
    section="Input",
    type=Choice(["all", "zip"]),
    default="all",
    show_default=True,
    help="Every photo with every painting, or the first with the first, and so on.",
)
@option("--recursive", section="Input", common=True, is_flag=True, help="Also look into the folders of a folder.")
@option(
    "--manifest",
    section="Input",
    type=PATH,
    metavar="FILE",
    help="A .csv or .jsonl file with a row for each picture: content, style, output, any setting.",
)
@option("-0", "--null", section="Input", is_flag=True, help="The names of the list '-' end with a zero byte.")
@option(
    "-o",
    "--output",
    section="Output",
    common=True,
    type=PathType(str),
    metavar="PATH",
    default="output/",
    show_default=True,
    help="A folder, or a name with {content} {style} {preset} {seed} {n} in it.",
)
@result_options
@option("--skip-existing", section="Output", is_flag=True, help="Leave results that exist, however they were made.")
@objective_options
@run_options
@option(
    "-j",
    "--jobs",
    section="Resources",
    common=True,
    type=click.IntRange(1, 1024),
    metavar="N",
    show_default="one for each core",
    help="Pictures painted at once, each in a process of its own.",
)
@option("--fail-fast", section="Resources", is_flag=True, help="End at the first picture that fails.")
@option("-n", "--dry-run", common=True, is_flag=True, help="Print what would be painted, and what it takes.")
@message_options
def batch(
    photos: tuple[Path | str, ...],
    styles: tuple[Path, ...],
    combine: str,
    recursive: bool,
    manifest: Path | None,
    null: bool,
    output: str,
    skip_existing: bool,
    jobs: int | None,
    fail_fast: bool,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    progress: str,
    as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Paint many photos: files, folders, patterns in quotes, or '-' for a list of names.

    What is finished is not painted again, and what was interrupted goes on: repeat the command. A photo that fails
    does not end the batch. The summary is in batch.json and batch.csv beside the results.
    """
    begun = time.monotonic()
    log_to_stderr(quiet=quiet, verbose=verbose, events=progress == "json")
    if skip_existing and given["overwrite"]:
        raise InputError("--skip-existing leaves results, --overwrite replaces them; give one of them.")

    from neurotransfer.batch.crew import default_seats
    from neurotransfer.batch.names import Template
    from neurotransfer.batch.tasks import make_tasks, sort_out
    from neurotransfer.cli.batch_report import report_plan, report_rows
    from neurotransfer.cli.jobs import to_job

    base = to_job(None, None, output, given)
    if manifest is not None:
        if photos:
            raise InputError("--manifest names the photos; leave out the others.")
        wanted = _of_manifest(manifest, styles, given)
    else:
        preset = given["preset"]
        pairs = _pairs(_contents(photos, recursive=recursive, zero=null), _styles(styles, recursive), combine)
        wanted = [_wanted(content, style, base, preset) for content, style in pairs]
    template = Template(output, base.options.bits)
    tasks = make_tasks(wanted, template, base)
    rows = sort_out(tasks, skip_existing=skip_existing, overwrite=base.overwrite)
    todo = [task for task, row in zip(tasks, rows, strict=True) if row.status == "waiting"]
    seats = max(1, min(jobs or default_seats(), len(todo)))
    if dry_run:
        report_plan(tasks, rows, seats, as_json=as_json)
        return
    mode = "none" if quiet else progress
    rows, number = paint(todo, rows, template.folder, seats, mode, verbose=verbose, fail_fast=fail_fast)
    report_rows(rows, template.folder, begun, quiet=quiet, as_json=as_json)
    failed = any(row.status == "failed" for row in rows)
    click.get_current_context().exit(128 + number if number else int(failed))


def _wanted(content: "Source", style: "Source", base: "Job", preset: str) -> "Wanted":
    from neurotransfer.batch.tasks import Wanted

    return Wanted(content, style, base.settings, preset)


def _contents(photos: tuple[Path | str, ...], *, recursive: bool, zero: bool) -> "list[Source]":
    from neurotransfer.batch.sources import find_sources, listed_sources, split_list

    if not photos:
        raise InputError("There is nothing to paint; give photos, a folder, '-' for a list of names, or --manifest.")
    found = []
    if _LIST in photos:
        found += listed_sources(split_list(sys.stdin.buffer.read(), zero=zero))
        if not found:
            raise InputError("The list on standard input is empty; expected names of photos.")
    return found + find_sources([Path(photo) for photo in photos if photo != _LIST], recursive=recursive)


def _styles(styles: tuple[Path, ...], recursive: bool) -> "list[Source]":
    from neurotransfer.batch.sources import find_sources
    from neurotransfer.runs.samples import PAINTING

    return find_sources(styles or (PAINTING,), recursive=recursive)


def _pairs(contents: "list[Source]", styles: "list[Source]", combine: str) -> "list[tuple[Source, Source]]":
    if combine == "zip":
        if len(contents) != len(styles):
            raise InputError(
                f"--combine zip pairs photos with paintings; found {len(contents)} photos and {len(styles)} paintings."
            )
        return list(zip(contents, styles, strict=True))
    # A painting's targets are made once if all photos follow each other.
    return [(content, style) for style in styles for content in contents]


def _of_manifest(path: Path, styles: tuple[Path, ...], given: dict[str, Any]) -> "list[Wanted]":
    from neurotransfer.batch.manifest import read_manifest
    from neurotransfer.batch.sources import Source
    from neurotransfer.batch.tasks import Wanted
    from neurotransfer.cli.jobs import to_job
    from neurotransfer.transfer.settings import Settings

    if len(styles) > 1:
        raise InputError("With --manifest, --style is for the rows that name none; give one painting.")
    names = [field.name for field in fields(Settings)] + ["preset"]
    fallback = _styles(styles, False)[0]
    wanted = []
    for row in read_manifest(path, names):
        values = given | _converted(row)
        try:
            settings = to_job(None, None, "", values).settings
        except InputError as error:
            raise InputError(f"{row.place}: {error}") from None
        style = Source(row.style) if row.style else fallback
        wanted.append(Wanted(Source(row.content), style, settings, values["preset"], row.output))
    return wanted


def _converted(row: "ManifestRow") -> dict[str, Any]:
    """Return a row's settings as the options of the same names would give them."""
    context = click.get_current_context()
    options = {parameter.name: parameter for parameter in context.command.params}
    found = {}
    for name, value in row.settings.items():
        parameter = options[name]
        text = [str(item) for item in value] if isinstance(value, list) else str(value)
        if parameter.multiple:
            text = text.split() if isinstance(text, str) else text
        try:
            found[name] = parameter.type_cast_value(context, text)
        except click.BadParameter as error:
            raise InputError(f"{row.place}, {name}: {error.message}") from None
    return found


def paint(
    tasks: "list[Task]", rows: "list[Row]", folder: Path, seats: int, mode: str, *, verbose: bool, fail_fast: bool
) -> "tuple[list[Row], int]":
    """Paint the tasks; return all rows and the number of the signal that ended it, or 0."""
    from neurotransfer.batch.batch import paint_all
    from neurotransfer.cli.batch_progress import batch_progress
    from neurotransfer.system.signals import deferred_signals

    with batch_progress(tasks, rows, seats, mode, verbose=verbose) as watch, deferred_signals() as stop:
        return paint_all(tasks, rows, folder, seats, watch, stop, fail_fast=fail_fast), stop.number
