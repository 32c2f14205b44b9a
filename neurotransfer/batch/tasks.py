"""What a batch is to do: a task for each result, and which of them are done already, or are in the way."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from neurotransfer.batch.names import Template, told_apart, words
from neurotransfer.batch.records import Records, Row
from neurotransfer.batch.sources import Source
from neurotransfer.runs.inputs import Inputs
from neurotransfer.runs.job import Job
from neurotransfer.system.errors import InputError
from neurotransfer.system.files import sha256_of
from neurotransfer.transfer.settings import Settings
from neurotransfer.vgg.weights import find_weights

_NAMES_SHOWN = 3


class Wanted(NamedTuple):
    """One result that was asked for."""

    content: Source
    style: Source
    settings: Settings
    preset: str = "default"
    output: str | None = None
    """Its path below the output folder; None: what the template says."""


@dataclass(frozen=True)
class Task:
    """One result to make."""

    number: int
    """From 0, within the batch."""
    job: Job
    folder: Path
    """The batch's output folder."""
    row: Row
    """Its row in the summary, as it is before anything was done."""

    @property
    def output(self) -> Path:
        """The path of the result."""
        return self.folder / self.row.output


def make_tasks(wanted: Sequence[Wanted], template: Template, base: Job) -> list[Task]:
    """Return the tasks; each has the options of ``base``.

    Raises:
        InputError: two rows of a manifest ask for one file.
    """
    contents = words(_each_once(each.content for each in wanted))
    styles = words([Source(path) for path, _ in _each_once(each.style for each in wanted)])
    names = []
    for number, each in enumerate(wanted, 1):
        values: dict[str, str | int] = {
            "content": contents[each.content.path],
            "style": styles[each.style.path],
            "preset": each.preset,
            "seed": each.settings.seed,
            "n": number,
        }
        names.append(each.output or template.name(values, each.content.below))
    apart = told_apart(names)
    for each, name in zip(wanted, apart, strict=True):
        if each.output and name != each.output:
            raise InputError(f"{each.output} is to be made twice; give each row of the manifest its own output.")
    return tasks_in(
        template.folder, [each._replace(output=name) for each, name in zip(wanted, apart, strict=True)], base
    )


def tasks_in(folder: Path, wanted: Sequence[Wanted], base: Job) -> list[Task]:
    """Return the tasks of results that all have an output of their own below a folder."""
    tasks = []
    for number, each in enumerate(wanted):
        name = each.output or ""
        start, mask = (file.path if file else None for file in (base.inputs.start, base.inputs.protect))
        inputs = Inputs.of(each.content.path, each.style.path, start=start, protect=mask)
        job = replace(base, inputs=inputs, settings=each.settings, output=str(folder / name))
        row = Row(str(each.content.path), str(each.style.path), name)
        tasks.append(Task(number, job, folder, row))
    return tasks


def _each_once(sources: Iterable[Source]) -> list[Source]:
    return list({source.path: source for source in sources}.values())


def key_of(job: Job, inputs: Inputs, weights: str) -> str:
    """Return the hash of all that shapes the file of a job: its inputs' content, settings, options, weights, format.

    ``inputs`` are the job's with their hashes, ``weights`` is the hash of the weights.
    """
    files = [inputs.content, *inputs.styles, inputs.start, inputs.protect]
    options = {
        name: value for name, value in job.options.to_json().items() if name not in ("snapshot_every", "save_every")
    }
    facts = {
        "inputs": [file and file.sha256 for file in files],
        "weights": weights,
        "settings": job.settings.to_json(),
        "options": options,
        "format": Path(job.output).suffix.lower(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def sort_out(tasks: Sequence[Task], *, skip_existing: bool, overwrite: bool) -> list[Row]:
    """Return a row for each task, which says whether it is still to be done (``waiting``).

    Raises:
        InputError: results exist that were made otherwise, and neither of the two says what becomes of them.
    """
    rows, in_the_way = [], []
    weights = sha256_of(find_weights(tasks[0].job.weights)) if tasks else ""
    for task in tasks:
        records = Records(task.folder)
        found = records.read(task.row.output)
        exists = os.path.lexists(task.output)
        if task.job.options.snapshot_every and not records.work_folder(task.row.output).exists():
            exists = exists or os.path.lexists(snapshots_of(task))
        if exists and found and found.status == "painted" and found.key == _key_if_readable(task, weights):
            rows.append(replace(found, status="finished", reason=""))
        elif exists and skip_existing:
            rows.append(replace(task.row, status="skipped", reason="the file exists"))
        else:
            if exists and not overwrite:
                in_the_way.append(str(task.output))
            if os.path.lexists(task.output) and (task.output.is_symlink() or not task.output.is_file()):
                raise InputError(f"{task.output} is a link or no file, and stays as it is; choose another --output.")
            rows.append(task.row)
    if in_the_way:
        more = f" and {len(in_the_way) - _NAMES_SHOWN} more" if len(in_the_way) > _NAMES_SHOWN else ""
        raise InputError(
            f"{', '.join(in_the_way[:_NAMES_SHOWN])}{more} exist already, and were not made of these pictures with "
            "these settings; --skip-existing leaves such files, --overwrite replaces them."
        )
    return rows


def snapshots_of(task: Task) -> Path:
    """Return the folder of a task's snapshots."""
    return task.output.with_name(f"{task.output.stem}-snapshots")


def _key_if_readable(task: Task, weights: str) -> str | None:
    try:
        return key_of(task.job, task.job.inputs.hashed(), weights)
    except OSError:
        return None
