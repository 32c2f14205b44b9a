"""From a command's options to a job, for every command that paints."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from neurotransfer.cli.options import to_settings
from neurotransfer.runs.inputs import Inputs, OutputOptions
from neurotransfer.runs.job import Job
from neurotransfer.system.errors import InputError
from neurotransfer.transfer.settings import INITS, PROTECTS


def to_job(content: Path | None, style: Path | None, output: str, given: dict[str, Any]) -> Job:
    """Return the job of the options that ``run`` has, by name.

    Raises:
        InputError: two options contradict each other, or a value is out of its range.
    """
    given = dict(given)
    if given["paper"] and given["size"] is not None:
        raise InputError("--print sets the size; give it or --size, not both.")
    options = OutputOptions(**{field.name: given.pop(field.name) for field in fields(OutputOptions)})
    of_job = ("overwrite", "weights", "max_memory", "max_pixels", "time_budget")
    whole = {name: given.pop(name) for name in of_job}
    start, mask = file_of(given, "init", INITS), file_of(given, "protect", PROTECTS)
    inputs = Inputs.of(content, *([style] if style else []), start=start, protect=mask)
    return Job(inputs, to_settings(given.pop("preset"), given), output, options, **whole)


def file_of(given: dict[str, Any], option: str, choices: tuple[str, ...]) -> Path | None:
    """Take an option that may name a file out of ``given`` if it does."""
    return None if given[option] in (None, *choices) else Path(given.pop(option))
