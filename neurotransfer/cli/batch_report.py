"""What a batch prints at its end, and what --dry-run prints instead."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from neurotransfer.batch.batch import share_of_memory
from neurotransfer.batch.forecast import Forecast, Forecaster
from neurotransfer.batch.records import Row, counts
from neurotransfer.batch.tasks import Task
from neurotransfer.cli.console import echo_line, report
from neurotransfer.transfer.forecast import START_SECONDS, format_duration
from neurotransfer.transfer.plan import Machine

_ROWS_SHOWN = 40
_WORDS = {"finished": "finished before", "skipped": "skipped, which exist", "waiting": "not begun"}


def report_rows(rows: Sequence[Row], folder: Path, begun: float, *, quiet: bool, as_json: bool) -> None:
    """Print what became of a batch that began at ``begun`` of `time.monotonic`."""
    found = counts(rows)
    if as_json:
        click.echo(json.dumps({"counts": found, "jobs": [asdict(row) for row in rows]}))
    elif quiet:
        for row in rows:
            if row.status == "failed":
                echo_line(f"Error: {row.content} x {row.style}: {row.reason}", err=True)
    else:
        _print_rows(rows)
        words = ", ".join(f"{count} {_WORDS.get(status, status)}" for status, count in found.items())
        report(f"{words}, in {time.monotonic() - begun:.0f} s: {folder / 'batch.json'}")


def _print_rows(rows: Sequence[Row]) -> None:
    """Print a table; of a long one, what was not painted."""
    if len(rows) > _ROWS_SHOWN:
        rows = [row for row in rows if row.status not in ("painted", "finished")][:_ROWS_SHOWN]
    width = max((len(row.output) for row in rows), default=0)
    for row in rows:
        seconds = "" if row.seconds is None else f"{row.seconds:7.1f} s"
        echo_line(f"{row.status:11}  {row.output:{width}}  {seconds:9}  {row.reason}".rstrip())


def report_plan(tasks: Sequence[Task], rows: Sequence[Row], seats: int, *, as_json: bool) -> None:
    """Print what would be painted, and what it takes."""
    forecaster = Forecaster(Machine.here(share_of_memory(tasks[0].job, seats)))
    found = [
        (row, forecaster(task) if row.status == "waiting" else None) for task, row in zip(tasks, rows, strict=True)
    ]
    forecasts = [forecast for _, forecast in found if forecast]
    seconds = START_SECONDS + sum(forecast.seconds for forecast in forecasts) / seats
    peak = seats * max((forecast.memory for forecast in forecasts), default=0.0)
    if as_json:
        plans = [_as_json(row, forecast) for row, forecast in found]
        whole = {"jobs": seats, "seconds": round(seconds, 1), "memory_mb": round(peak / 1e6), "tasks": plans}
        click.echo(json.dumps(whole))
        return
    width = max(len(row.output) for row in rows)
    for row, forecast in found:
        echo_line(_line(row, forecast, width).rstrip())
    todo = sum(forecast.size is not None for forecast in forecasts)
    report(f"{todo} to paint, {seats} at once: about {format_duration(seconds)} and {peak / 1e9:.1f} GB of memory.")


def _as_json(row: Row, forecast: Forecast | None) -> dict[str, object]:
    entry: dict[str, object] = {name: getattr(row, name) for name in ("content", "style", "output", "status")}
    if forecast:
        entry |= {"size": forecast.size, "seconds": round(forecast.seconds, 1), "reason": forecast.reason}
        entry["memory_mb"] = round(forecast.memory / 1e6)
    return entry


def _line(row: Row, forecast: Forecast | None, width: int) -> str:
    if forecast is None:
        return f"{row.status:8}  {row.output:{width}}  {row.reason}"
    if forecast.size is None:
        return f"{'fail':8}  {row.output:{width}}  {forecast.reason}"
    return f"{'paint':8}  {row.output:{width}}  {forecast.size!s:>11}  {forecast.seconds:6.0f} s"
