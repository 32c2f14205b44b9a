"""States that are damaged: one sentence, never a traceback, and nothing that is wrong is painted on."""

import json
import random
import subprocess
import sys
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from neurotransfer.runs.inputs import Inputs
from neurotransfer.runs.job import Job, prepare
from neurotransfer.runs.recorder import Recorder
from neurotransfer.runs.resume import prepare_resumed
from neurotransfer.runs.run_folder import release
from neurotransfer.runs.state import VERSION
from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.evaluation import Losses
from neurotransfer.transfer.optimizers import to_bfloat16
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.stylize import Step
from tests.runs.conftest import facts_of

PIXELS = np.random.default_rng(0).uniform(1.0, 200.0, (36, 48, 3)).astype(np.float32)
ADAM = {"step": np.array(1), "mean": PIXELS, "square": PIXELS}
LBFGS = {f"{kind}.{number}": PIXELS for kind in "sy" for number in range(2)}


@pytest.fixture
def run(photo, painting, tmp_path):
    """Make the folder of a run that was stopped after the first of four steps."""

    def make(optimizer="adam", arrays=ADAM):
        settings = Settings(size=48, steps=4, optimizer=optimizer, precision="float32")
        prepared = prepare(Job(Inputs.of(photo, painting), settings, str(tmp_path / "out")))
        schedule = {"index": 1, "counts": [4], "done": [1], "origin": 0}
        recorder = Recorder(prepared.paths, prepared.info)
        for index in range(2):
            step = Step(index, PIXELS, Losses({"content": 1.0, "style": 1.0, "tv": 1.0}))
            recorder.add(step, lambda: Checkpoint(0, PIXELS, arrays, schedule))
        recorder.finish("stopped")
        release(prepared.paths)
        return prepared.paths.folder

    return make


def arrays_of(state):
    with np.load(state) as archive:
        return {name: archive[name] for name in archive.files}


def rewrite(state, facts=None, **arrays):
    """Put other facts and other arrays into a state; an array that is None is left out."""
    found = arrays_of(state) | arrays
    if facts is not None:
        found["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(state, **{name: array for name, array in found.items() if array is not None})


def replaced(facts, path, value):
    """The facts with another value at a path of names; without it, if the value is ``...``."""
    name, _, rest = path.partition(".")
    if not path:
        return value
    if isinstance(facts, list):
        return [replaced(item, rest, value) if number == int(name) else item for number, item in enumerate(facts)]
    if rest:
        return facts | {name: replaced(facts[name], rest, value)}
    return {key: item for key, item in facts.items() if key != name} | ({} if value is ... else {name: value})


def refusal(folder):
    """The sentence with which a state is refused."""
    with pytest.raises(NeurotransferError) as caught:
        release(prepare_resumed(folder).paths)
    sentence = str(caught.value)
    assert (caught.value.exit_code, sentence.count("\n")) == (1, 0)
    assert sentence.startswith(f"{folder / 'state.npz'} is damaged (")
    assert sentence.endswith("); the run can only be started again.")
    assert len(sentence) < 500
    assert not (folder / "run.lock").exists()
    return sentence


@pytest.mark.parametrize(
    ("optimizer", "arrays"),
    [
        ("adam", ADAM),
        ("lbfgs", LBFGS),
        ("lbfgs", {}),
        ("lbfgs", {key: to_bfloat16(value) for key, value in LBFGS.items()}),
    ],
    ids=["adam", "lbfgs", "no pairs", "half"],
)
def test_a_sound_state_is_read_whole(run, optimizer, arrays):
    folder = run(optimizer, arrays)
    previous = prepare_resumed(folder).previous
    assert previous.checkpoint.schedule == {"index": 1, "counts": [4], "done": [1], "origin": 0}
    assert set(previous.checkpoint.optimizer) == set(arrays)
    assert all(np.array_equal(previous.checkpoint.optimizer[name], array) for name, array in arrays.items())
    assert np.array_equal(previous.checkpoint.image, PIXELS)
    assert [step["step"] for step in previous.record["losses"]] == [0, 1]


def paths_of(facts, above=""):
    """The path of every fact, those of lists and tables included."""
    items = facts.items() if isinstance(facts, dict) else enumerate(facts) if isinstance(facts, list) else ()
    for name, value in items:
        yield f"{above}{name}"
        yield from paths_of(value, f"{above}{name}.")


def test_each_fact_is_checked_for_its_type_and_its_absence(run):
    """Whatever stands in the place of any fact: a table that nobody knows is never right."""
    folder = run()
    facts = facts_of(folder / "state.npz")
    paths = list(paths_of(facts))
    assert len(paths) > 100
    for path in paths:
        if path == "version" or path.startswith(("info.plan.size", "info.plan.steps")):  # those follow from the scales
            continue
        rewrite(folder / "state.npz", replaced(facts, path, {"strange": None}))
        refusal(folder)
        if not path.rpartition(".")[2].isdigit() and "_layers." not in path:  # another list, other layers, may be right
            rewrite(folder / "state.npz", replaced(facts, path, ...))
            refusal(folder)
    rewrite(folder / "state.npz", facts)
    release(prepare_resumed(folder).paths)


WRONG = [
    ("info.plan.max_memory", "8G"),
    ("info.plan.max_memory", -1.0),
    ("info.options.dpi", "x"),
    ("info.options.dpi", 1e9),
    ("info.options.bits", 12),
    ("info.options.bits", True),
    ("info.options.save_every", float("nan")),
    ("info.options.snapshot_every", -20),
    ("info.options.alpha", "blue"),
    ("info.settings.size", "huge"),
    ("info.settings.optimizer", "sgd"),
    ("info.settings.learning_rate", float("inf")),
    ("info.settings.content_layers", {"conv9_9": 1.0}),
    ("info.settings.content_layers", {"conv4_2": "x"}),
    ("info.settings.style_scale", 40.0),
    ("info.plan.style_scale", 40.0),
    ("info.plan.style_scale", float("nan")),
    ("info.plan.style_scale", 3.3),
    ("info.plan.layers", []),
    ("info.plan.layers", ["conv1_1"]),
    ("info.plan.precision", "float64"),
    ("info.plan.winograd", "no"),
    ("info.plan.scales", []),
    ("info.plan.scales.0.size", [0, 36]),
    ("info.plan.scales.0.size", [48, 36, 3]),
    ("info.plan.scales.0.size", [10**9, 10**9]),
    ("info.plan.scales.0.size", [96, 72]),
    ("info.plan.scales.0.style_sizes", []),
    ("info.plan.scales.0.style_sizes", [[10**6, 10**6]]),
    ("info.plan.scales.0.steps", 5),
    ("info.plan.memory.history", -1),
    ("info.plan.memory.max_tile_pixels", "all"),
    ("info.inputs.content.file", ""),
    ("info.inputs.content.file", "photo\0.png"),
    ("info.inputs.styles", []),
    ("info.cores", 0),
    ("info.max_pixels", "many"),
    ("record.seconds", "x"),
    ("record.seconds", float("nan")),
    ("record.losses", []),
    ("record.losses.1.step", 7),
    ("record.losses.1.total", "x"),
    ("record.losses.1.content", float("-inf")),
    ("place", None),
    ("place.scale", 7),
    ("place.scale", -1),
    ("place.schedule.counts", ["four"]),
    ("place.schedule.counts", []),
    ("place.schedule.counts", [float("nan")]),
    ("place.schedule.counts", [10**30]),
    ("place.schedule.counts", [0]),
    ("place.schedule.done", [None]),
    ("place.schedule.done", [1, 1]),
    ("place.schedule.done", [3]),
    ("place.schedule.origin", 9),
    ("place.schedule.index", 3),
    ("place.optimizer", ["step", "mean"]),
    ("place.optimizer", ["step", "mean", "square", "cube"]),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=lambda value: str(value)[:30])
def test_a_wrong_fact_is_one_sentence(run, path, value):
    folder = run()
    rewrite(folder / "state.npz", replaced(facts_of(folder / "state.npz"), path, value))
    refusal(folder)


def with_value(value):
    array = PIXELS.copy()
    array[3, 4, 1] = value
    return array


ARRAYS = {
    "no mean": ("adam", {"optimizer.mean": None}),
    "no step": ("adam", {"optimizer.step": None}),
    "another step": ("adam", {"optimizer.step": np.array(7)}),
    "many steps": ("adam", {"optimizer.step": np.ones((36, 48, 3), np.float32)}),
    "negative square": ("adam", {"optimizer.square": with_value(-1.0)}),
    "mean not finite": ("adam", {"optimizer.mean": with_value(np.inf)}),
    "another size": ("adam", {"optimizer.mean": PIXELS[:5]}),
    "image of texts": ("adam", {"image": PIXELS.astype(str)}),
    "image of wide numbers": ("adam", {"image": PIXELS.astype(np.float64)}),
    "image of whole numbers": ("adam", {"image": PIXELS.astype(np.uint16)}),
    "image not finite": ("adam", {"image": with_value(np.nan)}),
    "no image": ("adam", {"image": None}),
    "an array more": ("adam", {"another": PIXELS}),
    "half a pair": ("lbfgs", {"optimizer.s.1": None}),
    "no last pair": ("lbfgs", {"optimizer.s.1": None, "optimizer.y.1": None}),
    "pair not finite": ("lbfgs", {"optimizer.y.0": with_value(-np.inf)}),
    "half pair not finite": ("lbfgs", {"optimizer.y.0": to_bfloat16(with_value(np.inf))}),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_wrong_array_is_one_sentence(run, name):
    optimizer, changes = ARRAYS[name]
    folder = run(optimizer, ADAM if optimizer == "adam" else LBFGS)
    rewrite(folder / "state.npz", **changes)
    refusal(folder)


@pytest.mark.parametrize(
    "facts",
    [b"[]", b'"facts"', b"7", b'{"version": %d}' % VERSION, b"[" * 100_000, b"{", b"\xff\xfe", b"", b"1" * 5000],
    ids=lambda facts: str(facts[:9]),
)
def test_facts_of_another_kind_are_one_sentence(run, facts):
    folder = run()
    arrays = arrays_of(folder / "state.npz") | {"facts": np.frombuffer(facts, np.uint8)}
    np.savez(folder / "state.npz", **arrays)
    refusal(folder)


def test_another_version_is_named(run):
    folder = run()
    rewrite(folder / "state.npz", facts_of(folder / "state.npz") | {"version": 1})
    with pytest.raises(InputError, match=f"state.npz is of version 1, expected {VERSION}: made by another version of"):
        prepare_resumed(folder)


def test_whatever_bit_is_flipped_it_is_one_sentence_or_as_good_as_before(run):
    folder = run()
    state = folder / "state.npz"
    good = state.read_bytes()
    generator = random.Random(3)
    for _ in range(150):  # half of them in the archive's directory, at its end
        data = bytearray(good)
        place = generator.randrange(len(data) - generator.choice([600, len(data)]), len(data))
        data[place] ^= 1 << generator.randrange(8)
        state.write_bytes(data)
        with suppress(NeurotransferError):
            release(prepare_resumed(folder).paths)


MEASURE = """
import resource, sys
from pathlib import Path
from neurotransfer.runs.resume import prepare_resumed
from neurotransfer.system.errors import NeurotransferError
import numpy, PIL.Image, filelock
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    prepare_resumed(Path(sys.argv[1]))
except NeurotransferError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1000)
"""


@pytest.mark.parametrize("name", ["image.npy", "facts.npy", "optimizer.mean.npy"])
def test_a_state_that_unpacks_to_gigabytes_takes_no_memory(run, name):
    """A bomb of 2 MB: two gigabytes of zeros, with a header that claims them."""
    folder = run()
    state = folder / "state.npz"
    whole = arrays_of(state)
    with zipfile.ZipFile(state, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for key, array in whole.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                shape = (500_000_000,) if f"{key}.npy" == name else array.shape
                np.lib.format.write_array_header_1_0(
                    member, {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
                )
                if shape == array.shape:
                    member.write(array.tobytes())
                else:
                    for _ in range(100):
                        member.write(bytes(2_000_000))
    assert state.stat().st_size < 3e6
    done = subprocess.run([sys.executable, "-c", MEASURE, folder], capture_output=True, text=True, check=True)
    sentence, taken = done.stdout.splitlines()
    assert "is damaged (" in sentence
    assert "is compressed in a way that is not expected" in sentence
    assert int(taken) < 60
