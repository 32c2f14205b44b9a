"""Standard streams. Every message is one line on the terminal, also where a file name contains line ends."""

import io
import json
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click


def one_line(message: str) -> str:
    r"""Return the message with unprintable characters escaped: file names may contain line ends or control codes."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in message)


def echo_line(message: str, *, err: bool = False) -> None:
    """Print a message as `one_line` on standard output, or on standard error."""
    click.echo(one_line(message), err=err)


def report(message: str) -> None:
    """Print a message as `one_line` on standard output; where its reader is gone, as after ``head``, it is dropped."""
    try:
        echo_line(message)
    except BrokenPipeError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)  # what Python still holds of the message goes there
        os.close(null)


class _OneLine(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        return one_line(record.message)


class _Event(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({"event": "message", "job": 0, "level": record.levelno, "text": record.getMessage()})


def log_to_stderr(*, quiet: bool, verbose: bool, events: bool = False) -> None:
    """Show the package's log on standard error, a message a line; ``events``: as JSON."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO
    handler = logging.StreamHandler()
    handler.setFormatter(_Event() if events else _OneLine())
    logging.basicConfig(handlers=[handler])
    logging.getLogger("neurotransfer").setLevel(level)


class _Lossy(io.FileIO):
    """A file that ignores write errors."""

    def write(self, data: Any, /) -> int:
        """Write the data; drop it where that fails."""
        with suppress(OSError):
            return super().write(data) or len(data)  # None or 0: the reader of a non-blocking pipe is too slow
        return len(data)


def prepare_streams() -> None:
    """Make the standard streams safe to write to.

    Streams that are closed, as daemons leave them, are opened on the null device; otherwise the next file opened, a
    picture, would get the number of a standard stream, and messages would be written into it. Errors in writing to
    standard error (a full disk, a closed pipe or terminal) are ignored, so that they do not end a run. Letters that
    the terminal's encoding lacks are printed as their numbers.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (stays open until the program ends)
    if isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr is sys.__stderr__:
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(_Lossy(2, "w", closefd=False)),
            encoding=sys.stderr.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as Python does on standard error
