"""Standard streams: what reaches the terminal is one line a message, whatever the names of files hold."""

import io
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click


def one_line(message: str) -> str:
    r"""Return a message on one line that any terminal can show: names of files may hold line ends, and worse."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in message)


def say(message: str, *, err: bool = False) -> None:
    """Print a message as `one_line` on standard output, or on standard error."""
    click.echo(one_line(message), err=err)


class _OneLine(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (its name in the library)
        return one_line(record.message)


def log_to_stderr(*, quiet: bool, verbose: bool) -> None:
    """Show the package's log on standard error, a message a line."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    logging.basicConfig(handlers=[handler])
    logging.getLogger("neurotransfer").setLevel(level)


class _Lossy(io.FileIO):
    """A file that takes what cannot be written, and loses it."""

    def write(self, data: Any, /) -> int:
        """Write as files do, or not at all."""
        with suppress(OSError):
            return super().write(data) or len(data)  # 0 or None: others read slowly, and waiting was switched off
        return len(data)


def prepare_streams() -> None:
    """Open standard streams that a daemon has closed, or a picture would get their number, and our messages.

    What standard error cannot take, on a full disk, into a pipe or a terminal that is gone, is lost: it is worth no
    picture. Letters that the terminal's encoding lacks are written as their numbers.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (for as long as we run)
    if isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr is sys.__stderr__:
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(_Lossy(2, "w", closefd=False)),
            encoding=sys.stderr.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as Python does on standard error
