"""What several tests share: the installed command, small pictures, the golden values."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COMMAND = Path(sys.executable).parent / "neurotransfer"
IMAGES = Path(__file__).parent.parent / "images"

Run = Callable[..., subprocess.CompletedProcess[str]]


def clean_environment() -> dict[str, str]:
    """The environment without settings of neurotransfer or TensorFlow."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("NEUROTRANSFER", "TF_"))}


@pytest.fixture(scope="session", autouse=True)
def raised_signals() -> None:
    """The program leaves ignored signals alone: those that the tests send must not be, even of tests under nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    """An empty cache folder for every test: weights that the user has installed change nothing here."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "neurotransfer" / "weights"


@pytest.fixture
def command(tmp_path):
    """Run the installed command in an empty folder."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=tmp_path,
            env=clean_environment() | environment,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture
def photo(tmp_path) -> Path:
    """A 64x48 cut of a shipped photo: 64x48.png."""
    return _cut("chelsea_cat.jpg", tmp_path / "photo.png")


@pytest.fixture
def painting(tmp_path) -> Path:
    """A 64x48 cut of a shipped painting."""
    return _cut("starry_night.jpg", tmp_path / "painting.png")


def _cut(name: str, path: Path) -> Path:
    with Image.open(IMAGES / name) as picture:
        picture.crop((100, 60, 420, 300)).resize((64, 48)).save(path)
    return path


@pytest.fixture(scope="session")
def golden():
    """Values computed elsewhere, in float64, with another framework (see docs/architecture.md)."""
    with np.load(Path(__file__).parent / "golden.npz") as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="session")
def weights():
    from neurotransfer.vgg.weights import load_weights

    return load_weights("builtin")


def objective_of(network, settings, content, style, max_tile_pixels=None, weights=None):
    """The objective of two arrays, in tiles of at most so many pixels; the style in one tile."""
    from neurotransfer.system.size import size_of
    from neurotransfer.transfer.brightness import brightness_masks
    from neurotransfer.transfer.objective import LossGraphs, Objective
    from neurotransfer.transfer.sizes import needed_layers
    from neurotransfer.transfer.targets import content_targets, style_targets
    from neurotransfer.transfer.tiles import plan_tiles

    layers, size = needed_layers(settings), size_of(content)
    tiles = plan_tiles(size, layers, max_tile_pixels)
    masks = brightness_masks(content, style) if settings.by_brightness else (None, None)
    targets = (
        content_targets(network, settings, content, tiles, weights, masks[0]),
        style_targets(network, settings, style, plan_tiles(size_of(style), layers, max_tile_pixels), masks[1]),
    )
    return Objective(LossGraphs(network, settings), settings, tiles, *targets)


def relative(found, expected) -> float:
    """Norm of the difference over the norm of what was expected."""
    expected = np.asarray(expected, dtype=np.float64)
    return float(np.linalg.norm(np.asarray(found, dtype=np.float64) - expected) / np.linalg.norm(expected))
