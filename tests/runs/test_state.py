"""States that are damaged: one sentence, never a traceback."""

import json
import random
from contextlib import suppress

import numpy as np
import pytest

from neurotransfer.runs.inputs import Inputs
from neurotransfer.runs.job import Job, prepare
from neurotransfer.runs.recorder import Recorder
from neurotransfer.runs.resume import prepare_resumed
from neurotransfer.runs.run_folder import release
from neurotransfer.runs.state import VERSION
from neurotransfer.system.errors import InputError
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.evaluation import Losses
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.stylize import Step
from tests.runs.conftest import facts_of


def rewritten(state, facts):
    """Put other facts into a state."""
    with np.load(state) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez(state, **arrays | {"facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)})


def test_damaged_state_is_one_sentence_or_as_good_as_before(photo, painting, tmp_path, monkeypatch):
    """Whatever bit is flipped and whatever is missing: one sentence, or a state as good as before."""
    monkeypatch.chdir(tmp_path)
    prepared = prepare(Job(Inputs.of(photo, painting), Settings(size=48, steps=4, precision="float32"), "out/"))
    folder = prepared.paths.folder
    image = np.zeros((36, 48, 3), np.float32)
    schedule = {"index": 1, "counts": [4], "done": [1], "origin": 0}
    recorder = Recorder(prepared.paths, prepared.info)
    step = Step(1, image, Losses({"content": 1.0, "style": 1.0, "tv": 1.0}))
    recorder.add(step, lambda: Checkpoint(0, image, {}, schedule))
    recorder.finish("stopped")
    release(prepared.paths)
    state = folder / "state.npz"
    good, facts = state.read_bytes(), facts_of(state)
    assert prepare_resumed(folder).previous.checkpoint.schedule == schedule
    (folder / "run.lock").unlink()

    def refused():
        with pytest.raises(InputError) as caught:
            release(prepare_resumed(folder).paths)
        assert str(caught.value).count("\n") == 0
        assert not (folder / "run.lock").exists()
        return str(caught.value)

    for broken in (
        [],
        "facts",
        {"version": VERSION},
        facts | {"scale": 7},
        facts | {"schedule": 3},
        facts | {"schedule": schedule | {"counts": ["four"]}},
        facts | {"schedule": schedule | {"counts": []}},
        facts | {"schedule": schedule | {"done": [None]}},
        facts | {"schedule": schedule | {"done": [1, 1]}},
        facts | {"record": []},
        facts | {"info": []},
        facts | {"info": facts["info"] | {"plan": {}}},
        facts | {"info": facts["info"] | {"settings": {"strength": 3}}},
    ):
        rewritten(state, broken)
        assert "state.npz cannot be read (" in refused(), broken
    for name in sorted(set(facts) - {"version"}):
        rewritten(state, {key: value for key, value in facts.items() if key != name})
        assert f"cannot be read (KeyError: '{name}'); the run can only be started again." in refused()
    rewritten(state, facts | {"version": 1})
    assert refused().endswith(f"state.npz is of version 1, expected {VERSION}: made by another version of the program.")

    generator = random.Random(3)
    for _ in range(150):  # half of them in the archive's directory, at its end
        data = bytearray(good)
        data[generator.randrange(len(data) - generator.choice([400, len(data)]), len(data))] ^= (
            1 << generator.randrange(8)
        )
        state.write_bytes(data)
        with suppress(InputError):
            release(prepare_resumed(folder).paths)
