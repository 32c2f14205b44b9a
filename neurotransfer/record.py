"""Recorder: what a run leaves on disk. It takes steps and writes snapshots, the final picture and the run log."""

import hashlib
import importlib.metadata
import json
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurotransfer.outputs import OutputPlan
from neurotransfer.saving import atomic_file, save_image

if TYPE_CHECKING:  # the name alone: a run's files are no reason to load TensorFlow
    from neurotransfer.pyramid import Step


class Recorder:
    """Writes the files of one run as its steps arrive; every file is whole or absent.

    ``facts`` are the settings and inputs as plain values: they stand in ``run.json`` and in the PNG text chunk. Depth
    and resolution tag are those of `save_image`; snapshots have 8 bits.
    """

    def __init__(self, plan: OutputPlan, facts: Mapping[str, Any], *, bits: int = 8, dpi: float | None = None) -> None:
        self._bits, self._dpi = bits, dpi
        self._plan = plan
        self._facts = dict(facts)
        self._steps: list[dict[str, float]] = []
        self._begun = time.monotonic()
        self.last: Step | None = None

    def add(self, step: "Step") -> None:
        """Note a step's losses and time; save its picture if it is a snapshot's turn."""
        self.last = step
        self._steps.append(
            {"step": step.index, **step.losses._asdict(), "total": step.losses.total, "seconds": self._elapsed()}
        )
        every = self._plan.snapshot_every
        if every and step.index % every == 0:
            self._plan.snapshots.mkdir(parents=True, exist_ok=True)
            self._save(self._plan.snapshots / f"{step.index}.png", step, bits=8)

    def finish(self, status: str) -> Path | None:
        """Save the last picture and, in a run folder, ``run.json``; return the picture's path, if there is one."""
        picture = None
        if self.last is not None:
            picture = self._plan.final_path()
            self._save(picture, self.last, bits=self._bits)
        if self._plan.log is not None:
            with atomic_file(self._plan.log) as temporary:
                temporary.write_text(json.dumps(self.report(status), indent=1) + "\n", encoding="utf-8")
        return picture

    def report(self, status: str) -> dict[str, Any]:
        """Return the run log: status, settings, inputs, versions, losses of every step, seconds, peak memory."""
        return {
            "status": status,
            **self._facts,
            "versions": versions(),
            "seconds": self._elapsed(),
            "peak_memory_mb": peak_memory_mb(),
            "losses": self._steps,
        }

    def _save(self, path: Path, step: "Step", bits: int) -> None:
        text = json.dumps({**self._facts, "step": step.index})
        save_image(path, step.image, {"neurotransfer": text}, bits=bits, dpi=self._dpi)

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._begun, 3)


def file_facts(path: Path) -> dict[str, str]:
    """Return a file's name, without its folder, and its SHA-256."""
    with path.open("rb") as handle:
        return {"file": path.name, "sha256": hashlib.file_digest(handle, "sha256").hexdigest()}


def versions() -> dict[str, str]:
    """Return the versions of what computed the picture."""
    found = {"python": platform.python_version(), "neurotransfer": importlib.metadata.version("neurotransfer")}
    for module in ("tensorflow", "numpy", "PIL"):
        if module in sys.modules:
            found[module] = str(sys.modules[module].__version__)
    return found


def peak_memory_mb() -> float | None:
    """Return this process's peak resident memory in megabytes (10^6 bytes); None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)
