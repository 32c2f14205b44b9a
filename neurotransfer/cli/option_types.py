"""Types of option values: text from the command line or the environment -> Python values. Imports nothing heavy."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from neurotransfer.transfer.settings import ORIGINAL


class AliasedChoice(click.Choice[str]):
    """A choice that also accepts other names for its values, such as former ones, without showing them."""

    def __init__(self, choices: Iterable[str], aliases: Mapping[str, str]) -> None:
        super().__init__(choices)
        self._aliases = aliases

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        """Return the value that an alias stands for, or the value itself."""
        name = super().normalize_choice(choice, ctx)
        return self._aliases.get(name, name)


class SizeType(click.ParamType[Any]):
    """A number of pixels, or ``original``."""

    name = "size"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """Return what stands for a value in the help."""
        return "N|original"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value, or fail with a sentence that says what was expected and found."""
        if value == ORIGINAL or isinstance(value, int):
            return value
        try:
            return int(value)
        except ValueError:
            self.fail(f"expected a number of pixels or '{ORIGINAL}', found {value!r}.", param, ctx)


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
            return name, float(weight) if equals else None
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


DURATION = QuantityType("time", {"S": 1.0, "M": 60.0, "H": 3600.0}, "a time above 0 like 90s, 10m or 1h", "N[s|m|h]")
"""Seconds."""
BYTES = QuantityType(
    "memory", {"GB": 1e9, "MB": 1e6, "G": 1e9, "M": 1e6}, "an amount of memory like 2G or 800M", "N[M|G]"
)
PATH = click.Path(path_type=Path)
