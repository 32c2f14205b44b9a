"""Runs that something ends: the picture so far is saved, and there is one sentence."""

import numpy as np
import pytest

from neurotransfer.image_io.arrays import load_image
from neurotransfer.runs.job import Job, prepare
from neurotransfer.runs.runner import run_job
from neurotransfer.system.errors import NeurotransferError
from neurotransfer.transfer import stylize as pyramid
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.evaluation import Losses
from neurotransfer.transfer.settings import Settings

ResourceExhaustedError = type("ResourceExhaustedError", (Exception,), {})

FAILURES = {
    MemoryError(): "The memory ran out after step 1 of 4; give less with --max-memory, or a smaller --size.",
    ResourceExhaustedError("OOM\n..."): "The memory ran out after step 1 of 4; give less with --max-memory, or a "
    "smaller --size.",
    ValueError("of the worst kind.\nat 0x7f"): "The program failed after step 1 of 4 (ValueError: of the worst kind); "
    "please report it.",
    NeurotransferError("Nothing fits."): "Nothing fits.",
}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_whatever_fails_the_picture_so_far_is_saved(failure, photo, painting, tmp_path, monkeypatch):
    image = np.full((36, 48, 3), 77.0, np.float32)

    def failing(*_, **__):
        for index in range(2):
            checkpoint = Checkpoint(0, image, {}, {"index": index, "counts": [4], "done": [index], "origin": 0})
            yield pyramid.Step(index, image, Losses(1.0, 1.0, 1.0), None, lambda: checkpoint)  # noqa: B023
        raise failure

    monkeypatch.setattr(pyramid, "stylize", failing)
    prepared = prepare(Job(photo, painting, Settings(size=48, steps=4), str(tmp_path / "out")))
    with pytest.raises(NeurotransferError) as caught:
        run_job(prepared)
    picture = tmp_path / "out" / "photo-painting" / "final.png"
    assert str(caught.value) == f"{FAILURES[failure]} The picture so far is {picture}."
    assert caught.value.exit_code == 1
    assert np.all(load_image(picture) == 77.0)
    assert not (picture.parent / "run.lock").exists()
