"""What is known of a run before its first step: it stands in the run log, in pictures and, whole, in the state."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from neurotransfer.runs.inputs import Inputs, OutputOptions, seen_from
from neurotransfer.system.cpu import cores
from neurotransfer.system.errors import InputError
from neurotransfer.system.facts import FactError, read_fields
from neurotransfer.system.size import Size
from neurotransfer.transfer.plan import Plan
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.sizes import needed_layers
from neurotransfer.vgg.weights import BUILTIN, FULL, WeightsFile, find_weights


@dataclass(frozen=True)
class RunInfo:
    """The inputs, settings and plan of a run."""

    inputs: Inputs
    weights: WeightsFile
    settings: Settings
    options: OutputOptions
    plan: Plan
    cores: int
    """Of the processor that the run has."""
    max_pixels: int | None
    """The most that a picture file may have."""

    @classmethod
    def now(
        cls,
        inputs: Inputs,
        weights: WeightsFile,
        settings: Settings,
        options: OutputOptions,
        plan: Plan,
        max_pixels: int | None = None,
    ) -> Self:
        """Return the facts of a run that begins now."""
        return cls(inputs, weights, settings, options, plan, cores(), max_pixels)

    def recipe(self) -> dict[str, Any]:
        """Return what makes the picture, as plain values without folders: the same for every run of the same job."""
        return {
            "inputs": self.inputs.to_json(None),
            "weights": self.weights.to_json(),
            "settings": self.settings.to_json(),
            "precision": self.plan.precision,
            "size": self.plan.size,
        }

    def public(self) -> dict[str, Any]:
        """Return what stands in the run log, as plain values without folders."""
        return {**self.recipe(), "options": self.options.to_json(), "plan": self.plan.to_json()}

    def to_json(self, folder: Path) -> dict[str, Any]:
        """Return everything as plain values, with paths as they are seen from the run's ``folder``."""
        return {
            **self.public(),
            "inputs": self.inputs.to_json(folder),
            "weights": {**self.weights.to_json(), "file": _choice(self.weights.path, folder)},
            "cores": self.cores,
            "max_pixels": self.max_pixels,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], folder: Path) -> Self:
        """Return the facts of `to_json`; the path of the weights is the choice that finds them again.

        Raises:
            FactError: they are anything else, or the plan is not one for the settings.
            InputError: a setting or an option is out of its range.
        """
        stored = read_fields(_StoredInfo, values, "the run")
        if stored.plan.layers != needed_layers(stored.settings):
            raise FactError("the plan does not have the layers that its settings need")
        if stored.cores < 1 or len(stored.inputs.styles) != 1:
            raise FactError("the run has no cores, or not one style")
        file, layout, sha256 = stored.weights
        path = Path(file) if file in (BUILTIN, FULL) else Path(os.path.normpath(folder.resolve() / file))
        return cls(
            stored.inputs.below(folder),
            WeightsFile(path, layout, sha256),
            stored.settings,
            stored.options,
            stored.plan,
            stored.cores,
            stored.max_pixels,
        )


class _StoredWeights(NamedTuple):
    file: str
    layout: str
    sha256: str


class _StoredInfo(NamedTuple):
    inputs: Inputs
    weights: _StoredWeights
    settings: Settings
    precision: str
    size: Size
    options: OutputOptions
    plan: Plan
    cores: int
    max_pixels: int | None


def _choice(path: Path, folder: Path) -> str:
    """Return the choice that finds weights at ``path`` again: a name, or the path as it is seen from ``folder``."""
    for name in (BUILTIN, FULL):
        with suppress(InputError):  # no full ones are installed
            if path == find_weights(name):
                return name
    return seen_from(folder, path)
