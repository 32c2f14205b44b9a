"""Jobs from beginning to end: a failure saves the picture so far, the same job gives the same bytes."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from neurotransfer.image_io.arrays import load_image
from neurotransfer.runs.inputs import Inputs
from neurotransfer.runs.job import Job, prepare
from neurotransfer.runs.runner import run_job
from neurotransfer.system.errors import NeurotransferError
from neurotransfer.transfer import stylize as module
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.evaluation import Losses
from neurotransfer.transfer.settings import Settings

ResourceExhaustedError = type("ResourceExhaustedError", (Exception,), {})

FAILURES = {
    MemoryError(): "The memory ran out after step 1 of 4; give less with --max-memory, or a smaller --size.",
    ResourceExhaustedError("OOM\n..."): "The memory ran out after step 1 of 4; give less with --max-memory, or a "
    "smaller --size.",
    ValueError("of the worst kind.\nat 0x7f"): "The program failed after step 1 of 4 (ValueError: of the worst kind); "
    "run 'neurotransfer doctor', and report this if it finds nothing.",
    NeurotransferError("Nothing fits."): "Nothing fits.",
}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_failure_of_any_kind_saves_the_picture_so_far(failure, photo, painting, tmp_path, monkeypatch):
    image = np.full((36, 48, 3), 77.0, np.float32)

    class Failing:
        """The start, one step, then the failure."""

        index = -1

        def __init__(self, *_, **__):
            pass

        def __iter__(self):
            return self

        def __next__(self):
            self.index += 1
            if self.index == 2:
                raise failure
            return module.Step(self.index, image, Losses({"content": 1.0, "style": 1.0, "tv": 1.0}))

        def checkpoint(self):
            schedule = {"index": self.index, "counts": [4], "done": [self.index], "origin": 0}
            return Checkpoint(0, image, {}, schedule)

    monkeypatch.setattr(module, "stylize", Failing)
    prepared = prepare(Job(Inputs.of(photo, painting), Settings(size=48, steps=4), str(tmp_path / "out")))
    with pytest.raises(NeurotransferError) as caught:
        run_job(prepared)
    picture = tmp_path / "out" / "photo-painting" / "final.png"
    assert str(caught.value) == f"{FAILURES[failure]} The picture so far is {picture}."
    assert caught.value.exit_code == 1
    assert np.all(load_image(picture) == 77.0)
    assert not (picture.parent / "run.lock").exists()


def test_same_job_gives_the_same_bytes(photo, painting, tmp_path):
    """Nothing of the machine stands in the picture: not its memory, not its speed, not the time."""
    settings = Settings(size=48, steps=2, precision="float32")
    pictures = []
    for name, memory in (("a", 9e9), ("b", 8e9), ("c", 9e9)):
        steps = 3 if name == "c" else 2
        job = Job(Inputs.of(photo, painting), replace(settings, steps=steps), str(tmp_path / name), max_memory=memory)
        result = run_job(prepare(job))
        assert result.run_log["plan"]["max_memory"] == memory
        pictures.append(result.picture.read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[0] != pictures[2]


@pytest.mark.parametrize(
    ("size", "painting_size", "settings", "budget", "warning"),
    [
        ((64, 48), (128, 96), Settings(size=64, steps=2), None, None),
        ((960, 32), (640, 480), Settings(size=512, steps=2), None, "The result will have 512x17 pixels"),
        ((96, 72), (16, 16), Settings(size=96, steps=2), None, "The painting, 16x16 pixels, is enlarged to 96x96"),
        ((96, 72), (30, 24), Settings(size=96, steps=2), None, None),
        ((256, 192), (2000, 1500), Settings(size=256), 1.0, "The time budget of 1 s is too short"),
        ((256, 192), (2000, 1500), Settings(size=256), 3600.0, None),
    ],
)
def test_what_the_picture_will_lack_is_warned_of(tmp_path, caplog, size, painting_size, settings, budget, warning):
    inputs = Inputs.of(tmp_path / "a.png", tmp_path / "b.png")
    for name, pixels in (("a.png", size), ("b.png", painting_size)):
        Image.new("RGB", pixels, "red").save(tmp_path / name)
    with caplog.at_level(logging.WARNING):
        prepare(Job(inputs, settings, str(tmp_path / "out"), time_budget=budget))
    assert [record.getMessage()[: len(warning or "")] for record in caplog.records] == ([warning] if warning else [])
