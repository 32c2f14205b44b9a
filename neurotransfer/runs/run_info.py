"""What is known of a run before its first step: it stands in the run log, in pictures and, whole, in the state."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from neurotransfer.runs.inputs import Inputs, OutputOptions
from neurotransfer.system.cpu import cores
from neurotransfer.system.errors import InputError
from neurotransfer.transfer.plan import Plan
from neurotransfer.transfer.settings import Settings
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
            "inputs": self.inputs.to_json(folders=False),
            "weights": self.weights.to_json(),
            "settings": self.settings.to_json(),
            "precision": self.plan.precision,
            "size": self.plan.size,
        }

    def public(self) -> dict[str, Any]:
        """Return what stands in the run log, as plain values without folders."""
        return {**self.recipe(), "options": self.options.to_json(), "plan": self.plan.to_json()}

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, folders included."""
        return {
            **self.public(),
            "inputs": self.inputs.to_json(folders=True),
            "weights": {**self.weights.to_json(), "file": _choice(self.weights.path)},
            "cores": self.cores,
            "max_pixels": self.max_pixels,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the facts of `to_json`; the path of the weights is the choice that finds them again."""
        weights = values["weights"]
        return cls(
            Inputs.from_json(values["inputs"]),
            WeightsFile(Path(weights["file"]), str(weights["layout"]), str(weights["sha256"])),
            Settings.from_json(values["settings"]),
            OutputOptions.from_json(values["options"]),
            Plan.from_json(values["plan"]),
            int(values["cores"]),
            values["max_pixels"],
        )


def _choice(path: Path) -> str:
    """Return the choice that finds weights at ``path`` again, from any folder."""
    for name in (BUILTIN, FULL):
        with suppress(InputError):  # no full ones are installed
            if path == find_weights(name):
                return name
    return str(path.absolute())
