"""What the tests of runs share: started commands, looks at run folders, facts of a run that was never made."""

import json
import subprocess
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from neurotransfer.runs.inputs import Inputs, OutputOptions
from neurotransfer.runs.run_info import RunInfo
from neurotransfer.system.size import Size
from neurotransfer.transfer.checkpoint import Checkpoint
from neurotransfer.transfer.evaluation import Losses
from neurotransfer.transfer.plan import Machine, make_plan
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.stylize import Step
from neurotransfer.vgg.weights import WeightsFile
from tests.conftest import COMMAND, clean_environment

FOLDER = "photo-painting"
INPUTS = ("-c", "photo.png", "-s", "painting.png")
STEADY = (*INPUTS, "--size", "64", "--precision", "float32", "--save-every", "0.001s")
"""A small run whose picture repeats byte for byte and that saves its state at every step."""
ENDLESS = (*STEADY, "--steps", "5000", "--tolerance", "0")
"""One that goes on until a signal ends it."""


def start(tmp_path, *arguments, limits=None):
    """Start the installed command without waiting for its end."""
    return subprocess.Popen(
        [COMMAND, *arguments],
        cwd=tmp_path,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=limits,
    )


def wait_for(condition, process=None, seconds=60):
    """Wait until the condition holds; fail if the process ends before."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        assert process is None or process.poll() is None, process.stderr.read()
        time.sleep(0.005)


def losses(folder):
    """Return the steps of the run log."""
    return json.loads((folder / "run.json").read_text())["losses"]


def assert_readable(folder):
    """Every file that does not bear a temporary name can be read to its end."""
    for path in folder.iterdir():
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
        else:
            assert path.name == "run.lock" or path.name.endswith(".tmp"), path.name


def facts_of(state):
    """Return the plain values of a state."""
    with np.load(state) as archive:
        return json.loads(archive["facts"].tobytes())


def run_info(settings=None, **options):
    """Return the facts of a run that was never made; ``options`` are those of `OutputOptions`."""
    settings = settings or Settings(size=48, steps=4, precision="float32")
    plan = make_plan(Size(64, 48), [Size(64, 48)], settings, Machine(bfloat16=False, max_memory=4e9, flops=1e11))
    inputs = Inputs.of(Path("/pictures/photo.png"), Path("/pictures/painting.png"))
    weights = WeightsFile(Path("/weights/mine.npz"), "full precision", "0" * 64)
    return RunInfo.now(inputs, weights, settings, OutputOptions(**options), plan)


def add_step(recorder, index=0):
    """Have the recorder take a step of four by four pixels."""
    image = np.zeros((4, 4, 3), np.float32)
    step = Step(index, image, Losses({"content": 1.0, "style": 1.0, "tv": 1.0}))
    recorder.add(step, lambda: Checkpoint(0, image, {}, {}))
