"""Recorder: what a run leaves on disk. It takes steps and writes snapshots, the final picture and the run log."""

import importlib.metadata
import json
import logging
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurotransfer.image_io.arrays import opacity
from neurotransfer.image_io.reading import Picture
from neurotransfer.image_io.saving import save_image
from neurotransfer.runs.run_folder import OutputPaths, free_name
from neurotransfer.runs.run_info import RunInfo
from neurotransfer.runs.state import State, save_state
from neurotransfer.system.errors import NeurotransferError
from neurotransfer.system.files import atomic_file
from neurotransfer.transfer.checkpoint import Checkpoint

if TYPE_CHECKING:  # the module loads TensorFlow
    from neurotransfer.transfer.stylize import Step

logger = logging.getLogger(__name__)


SAVE_SHARE = 0.05
"""Largest share of a run's time that goes into saving its state."""


class Recorder:
    """Writes the files of one run as its steps arrive; every file is whole or absent.

    ``info`` stands in ``run.json``, in the PNG text chunk and, whole, in the state. The final picture gets alpha and
    EXIF of the ``photo``; snapshots are opaque and have 8 bits. ``earlier`` is the record of a part already done,
    ``protected`` what was found in the photo. A snapshot or state that cannot be written is reported once and does not
    end the run.
    """

    def __init__(
        self,
        paths: OutputPaths,
        info: RunInfo,
        photo: Picture | None = None,
        earlier: Mapping[str, Any] | None = None,
        protected: Mapping[str, Any] | None = None,
    ) -> None:
        self._paths, self._info, self._options, self._photo = paths, info, info.options, photo
        self._protected = protected
        self._save_every = info.options.save_every
        self._steps: list[dict[str, float]] = []
        self._begun = self._saved = time.monotonic()
        self._complaints: set[str] = set()
        self._last: Step | None = None
        self._checkpoint: Callable[[], Checkpoint] | None = None
        self._discarded = False
        if earlier is None:
            self._save_state()
        else:
            self._steps = list(earlier["losses"])
            self._begun -= earlier["seconds"]

    def discard_state(self) -> None:
        """Save no more states: the run was left in the middle of a step, so the one saved last stays."""
        self._discarded = True

    def add(self, step: "Step", checkpoint: Callable[[], Checkpoint]) -> None:
        """Note a step's losses and time; save its picture and the state if it is their turn.

        ``checkpoint`` returns the place of the run after this step; it is called now or when the run ends.
        """
        self._last, self._checkpoint = step, checkpoint
        if self._steps and self._steps[-1]["step"] == step.index:
            return  # the step that the run continues from
        self._steps.append({"step": step.index, **step.losses, "total": step.losses.total, "seconds": self._elapsed()})
        every = self._paths.snapshot_every
        if every and step.index % every == 0:
            self._try("snapshot", lambda: self._snapshot(step))
        if time.monotonic() - self._saved >= self._save_every:
            self._save_state()

    def finish(self, status: str) -> Path | None:
        """Save the last picture and, in a run folder, its state and ``run.json``; return the picture's path.

        Where its place cannot be written to, the picture goes to the next best: the folder above, the working folder,
        the system's folder for temporary files.

        Raises:
            NeurotransferError: one of them could not be written; the message says where the picture is.
        """
        if self._last is None:
            self._save_log(status)
            return None
        picture, trouble = self._save_final(self._last)
        if trouble is None:
            self._save_state()
            try:
                self._save_log(status)
            except NeurotransferError as error:
                raise NeurotransferError(f"{error} The picture is {picture}.") from None
            return picture
        raise NeurotransferError(f"{trouble} The picture is {picture}." if picture else f"{trouble} No place was left.")

    def run_log(self, status: str) -> dict[str, Any]:
        """Return the run log: status, settings, inputs, what was found, versions, losses, seconds, peak memory."""
        return {
            "status": status,
            **self._info.public(),
            "protected": self._protected,
            "versions": versions(),
            "seconds": self._elapsed(),
            "peak_memory_mb": peak_memory_mb(),
            "losses": self._steps,
        }

    def _save_final(self, step: "Step") -> tuple[Path | None, NeurotransferError | None]:
        """Return where the picture is, if anywhere, and what kept it from its own place, if anything did."""
        trouble: NeurotransferError | None = None
        wanted = self._paths.final_path()
        for place in (wanted, *_next_best(wanted)):
            try:
                if place == wanted and self._paths.folder:
                    self._require_folder()
                self._save(place, step, bits=self._options.bits, **self._of_the_photo(step))
            except NeurotransferError as error:
                trouble = trouble or error
            else:
                return place, trouble
        return None, trouble

    def _require_folder(self) -> None:
        """Raise `NeurotransferError` if the folder is no longer the one that this run has to itself."""
        if self._paths.lock is not None:
            self._paths.lock.require()

    def _snapshot(self, step: "Step") -> None:
        self._require_folder()
        self._save(self._paths.snapshots / f"{step.index}.png", step)

    def _save(self, path: Path, step: "Step", **options: Any) -> None:
        text = json.dumps({**self._info.recipe(), "step": step.index})
        save_image(path, step.image, {"neurotransfer": text}, dpi=self._options.resolution, **options)

    def _of_the_photo(self, step: "Step") -> dict[str, Any]:
        if self._photo is None:
            return {}
        height, width = step.image.shape[:2]  # of an interrupted run, not always the result's
        return {"alpha": opacity(self._photo, (width, height)), "exif": self._photo.exif}

    def _save_log(self, status: str) -> None:
        if self._paths.log is not None:
            self._require_folder()
            with atomic_file(self._paths.log) as handle:
                handle.write((json.dumps(self.run_log(status), indent=1) + "\n").encode())

    def _save_state(self) -> None:
        folder = self._paths.folder
        if folder is None or self._discarded:
            return
        begun = time.monotonic()
        record = {"losses": self._steps, "seconds": self._elapsed()}

        def save() -> None:
            self._require_folder()
            save_state(folder, State(self._info, record, self._checkpoint() if self._checkpoint else None))

        self._try("state", save)
        self._saved = time.monotonic()
        self._save_every = max(self._options.save_every, (self._saved - begun) / SAVE_SHARE)

    def _try(self, what: str, save: Callable[[], None]) -> None:
        try:
            save()
        except NeurotransferError as error:
            if what not in self._complaints:
                logger.warning("The %s was not saved, the run continues: %s", what, error)
            self._complaints.add(what)

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._begun, 3)


def _next_best(path: Path) -> Iterator[Path]:
    """Yield other places for a picture, under a name that is free there."""
    run = path.parent.name.strip(".") if path.stem == "final" else ""  # no name: the working folder, or one above
    name = f"{run or path.stem}{path.suffix}"
    places: tuple[Callable[[], Path], ...] = (
        lambda: path.parent.parent,
        Path.cwd,
        lambda: Path(tempfile.gettempdir()),
    )
    for find in places:
        with suppress(OSError):  # the working folder may be gone
            yield free_name(find() / name)


def versions() -> dict[str, str]:
    """Return the versions of what computed the picture."""
    found = {"python": platform.python_version(), "neurotransfer": importlib.metadata.version("neurotransfer")}
    for module in ("tensorflow", "numpy", "PIL"):
        if module in sys.modules:
            found[module] = str(sys.modules[module].__version__)
    return found


def peak_memory_mb() -> float | None:
    """Return this process's peak resident memory in megabytes (10^6 bytes); None where the system does not tell."""
    with suppress(OSError):  # Linux; its getrusage counts the process that started this one, too
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        if found:
            return round(int(found[1]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)
