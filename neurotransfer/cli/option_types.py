"""Types of option values: text from the command line or the environment -> Python values. Imports nothing heavy."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click


class Choice(click.Choice[str]):
    """A choice, in capital letters or small ones, that may accept further names for its values without showing them."""

    def __init__(self, choices: Iterable[str], aliases: Mapping[str, str] | None = None) -> None:
        super().__init__(choices, case_sensitive=False)
        self._aliases = aliases or {}

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        """Return the value that an alias stands for, or the value itself."""
        name = super().normalize_choice(choice, ctx)
        return self._aliases.get(name, name)


class NumberOr(click.ParamType[Any]):
    """A number of a ``kind``, int or float, or a word that stands for one."""

    name = "number"

    def __init__(self, kind: type[int] | type[float], word: str, called: str = "a number") -> None:
        self._kind, self._word, self._called = kind, word, called

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """Return what stands for a value in the help."""
        return f"{'N' if self._kind is int else 'X'}|{self._word}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value, or fail with a sentence that says what was expected and found."""
        if isinstance(value, self._kind):
            return value
        if value.lower() == self._word:
            return self._word
        try:
            return self._kind(value)
        except ValueError:
            self.fail(f"expected {self._called} or '{self._word}', found {value!r}.", param, ctx)


class LayerType(click.ParamType[Any]):
    """``conv4_2`` or ``conv4_2=0.5`` -> (name, weight); a weight that is not given is None."""

    name = "layer"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """Return what stands for a value in the help."""
        return "LAYER[=WEIGHT]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value, or fail with a sentence that says what was expected and found."""
        if isinstance(value, tuple):
            return value
        name, equals, weight = value.partition("=")
        try:
            return name.lower(), float(weight) if equals else None
        except ValueError:
            self.fail(f"expected a number after '=', found {weight!r}.", param, ctx)


class QuantityType(click.ParamType[Any]):
    """A number above 0 with or without a unit -> a float: ``2.5G`` -> 2.5e9."""

    def __init__(self, name: str, units: dict[str, float], expected: str, metavar: str) -> None:
        self.name, self._units, self._expected, self._metavar = name, units, expected, metavar

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """Return what stands for a value in the help."""
        return self._metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value, or fail with a sentence that says what was expected and found."""
        if isinstance(value, float):
            return value
        number, unit = value.strip().upper(), 1.0
        for name, size in self._units.items():
            if number.endswith(name):
                number, unit = number.removesuffix(name), size
                break
        try:
            found = float(number) * unit
        except ValueError:
            found = 0.0
        if not 0.0 < found < float("inf"):
            self.fail(f"expected {self._expected}, found {value!r}.", param, ctx)
        return found


class PathType(click.Path):
    """The path of a file or folder, or one of ``names``. A ``~`` that the shell has left in front means the home."""

    def __init__(self, kind: type[str | Path] = Path, names: Iterable[str] = ()) -> None:
        super().__init__(path_type=kind)
        self._names = set(names)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or fail: there are no pipes yet, and nobody wants a file called ``-``."""
        if isinstance(value, str):
            if value.lower() in self._names:
                return value.lower()
            if value == "-":
                self.fail("expected the name of a file or folder, found '-': pipes cannot be used yet.", param, ctx)
            if value.startswith("~") and not os.path.lexists(value):
                value = os.path.expanduser(value)  # noqa: PTH111 (pathlib's would drop a slash at the end)
        return super().convert(value, param, ctx)


DURATION = QuantityType(
    "time",
    {"MIN": 60.0, "SEC": 1.0, "S": 1.0, "M": 60.0, "H": 3600.0},
    "a time above 0 like 90s, 10m or 1h",
    "N[s|m|h]",
)
"""Seconds."""
BYTES = QuantityType(
    "memory",
    {"KIB": 2.0**10, "MIB": 2.0**20, "GIB": 2.0**30, "KB": 1e3, "MB": 1e6, "GB": 1e9, "K": 1e3, "M": 1e6, "G": 1e9},
    "an amount of memory like 2G, 800M or 1.5GiB",
    "N[M|G]",
)
PATH = PathType()
WEIGHTS = PathType(str, ("builtin", "full"))
