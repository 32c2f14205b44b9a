"""The VGG-19 convolution weights: the copy inside the package, or the official MatConvNet file in both its layouts.

Gives arrays; knows nothing of TensorFlow. A user's file is checked layer by layer before anything is computed.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurotransfer.errors import InputError
from neurotransfer.layers import KERNEL_SHAPES, LAYERS, MEAN_PIXEL

BUILTIN = "builtin"
OFFICIAL_NAME = "imagenet-vgg-verydeep-19.mat"

_BUILTIN_PATH = Path(__file__).parent / "data" / "vgg19-8bit.npz"

Kernels = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class Weights:
    """Kernels and biases, with the mean pixel that the network expects to be subtracted.

    ``layers`` maps a layer's name to (kernel (3, 3, in, out), bias (out,)), float32, RGB input.
    """

    layers: Kernels
    mean_pixel: tuple[float, float, float]
    source: "WeightsFile"


@dataclass(frozen=True)
class WeightsFile:
    """Which weights, where: what ``neurotransfer weights info`` says."""

    path: Path
    layout: str  # "builtin (one byte a weight)", "MatConvNet, newer layout", "MatConvNet, older layout"
    sha256: str

    def as_json(self) -> dict[str, str]:
        """Return name, layout and hash as plain values; no folder."""
        return {"file": self.path.name, "layout": self.layout, "sha256": self.sha256}


def find_weights(choice: str | Path | None = None) -> Path:
    """Return the path of the weights to use.

    ``builtin``: the copy in the package. A path: that file. None: the official file if the working folder holds it
    under its own name, else the built-in copy. Nothing is read.
    """
    if choice is None:
        official = Path(OFFICIAL_NAME)
        return official if official.is_file() else _BUILTIN_PATH
    if str(choice) == BUILTIN:
        return _BUILTIN_PATH
    path = Path(choice)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise InputError(
            f"The weights {path} were expected to be a .mat file, found {found}; "
            f"give the path of {OFFICIAL_NAME}, or 'builtin' for the weights in the package."
        )
    return path


def load_weights(choice: str | Path | None = None, layers: tuple[str, ...] = LAYERS) -> Weights:
    """Load the kernels of ``layers`` from where `find_weights` points.

    Raises:
        InputError: the file is missing, damaged, or not the convolution part of VGG-19.
    """
    path = find_weights(choice)
    if path == _BUILTIN_PATH:
        return _load_builtin(layers)
    return _load_matconvnet(path, layers)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _load_builtin(layers: tuple[str, ...]) -> Weights:
    with np.load(_BUILTIN_PATH, allow_pickle=False) as archive:
        kernels = {
            name: (archive[f"{name}.codebook"][archive[f"{name}.codes"]], archive[f"{name}.bias"]) for name in layers
        }
    return Weights(kernels, MEAN_PIXEL, WeightsFile(_BUILTIN_PATH, "one byte a weight", _sha256(_BUILTIN_PATH)))


# --- The official file: a MATLAB 5 file with a cell array `layers` of structs. Read by field name, never by position.


def _load_matconvnet(path: Path, layers: tuple[str, ...]) -> Weights:
    from scipy.io import loadmat  # only users of the official file pay for SciPy's start-up

    expected = f"expected {OFFICIAL_NAME} as MatConvNet published it"
    try:
        content = loadmat(os.fspath(path), appendmat=False, variable_names=["layers", "meta", "normalization"])
    except MemoryError:
        raise InputError(f"The weights {path} need more memory than there is; use 'builtin'.") from None
    except Exception as error:  # SciPy's reader raises nearly anything on a file that is not a MATLAB file
        raise InputError(
            f"The weights {path} cannot be read as a MATLAB file ({_one_line(error)}); {expected}. "
            "It may be damaged or a web page saved by mistake: fetch it again, or use 'builtin'."
        ) from None
    if "layers" not in content:
        raise InputError(f"The weights {path} hold no variable 'layers'; {expected}.")
    try:
        found = {name: record for name, record in _records(content["layers"]) if name in KERNEL_SHAPES}
        kernels = {name: _kernel_and_bias(name, found) for name in LAYERS}
        newer = "meta" in content
        mean = _mean_pixel(content["meta"] if newer else content.get("normalization"), nested=newer)
    except _WrongNetworkError as error:
        raise InputError(f"The weights {path} are not those of VGG-19: {error}; {expected}.") from None
    # Copies of the wanted layers only: a view would keep the fully connected layers (470 MB) alive.
    wanted = {name: (np.array(kernels[name][0], order="C"), np.array(kernels[name][1])) for name in layers}
    layout = "MatConvNet, newer layout" if newer else "MatConvNet, older layout"
    return Weights(wanted, mean, WeightsFile(path, layout, _sha256(path)))


class _WrongNetworkError(Exception):
    """The file is a MATLAB file, but not this network."""


def _records(layers: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield (layer name, struct) of the cell array; structs without a name are passed over."""
    if layers.dtype != object:
        raise _WrongNetworkError("'layers' is not a cell array")
    for cell in layers.ravel():
        record = cell.ravel()[0] if isinstance(cell, np.ndarray) and cell.size else None
        names = record.dtype.names if isinstance(record, np.void) else None
        if record is not None and names and "name" in names and np.size(record["name"]) == 1:
            yield str(np.ravel(record["name"])[0]), record


def _kernel_and_bias(name: str, found: Mapping[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if name not in found:
        raise _WrongNetworkError(f"layer {name} is missing")
    record = found[name]
    cells: Sequence[Any] = record["weights"].ravel() if "weights" in record.dtype.names else ()
    if len(cells) != 2:
        raise _WrongNetworkError(f"layer {name} does not hold a kernel and a bias")
    kernel, bias = np.asarray(cells[0]), np.asarray(cells[1]).ravel()
    expected = KERNEL_SHAPES[name]
    if kernel.shape != expected or bias.shape != expected[3:]:
        raise _WrongNetworkError(
            f"layer {name} has a kernel {kernel.shape} and a bias {bias.shape}, expected {expected} and {expected[3:]}"
        )
    if kernel.dtype.kind != "f" or bias.dtype.kind != "f":
        raise _WrongNetworkError(f"layer {name} holds {kernel.dtype} and {bias.dtype} instead of numbers")
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise _WrongNetworkError(f"layer {name} holds values that are not finite")
    # MatConvNet stores (width, height, in, out); TensorFlow wants (height, width, in, out).
    return kernel.transpose(1, 0, 2, 3).astype(np.float32, copy=False), bias.astype(np.float32, copy=False)


def _mean_pixel(holder: NDArray[Any] | None, *, nested: bool) -> tuple[float, float, float]:
    """Return the mean over positions of ``[meta.]normalization.averageImage``."""
    try:
        record = np.ravel(holder)[0]  # type: ignore[arg-type]
        if nested:
            record = np.ravel(record["normalization"])[0]
        average = np.asarray(record["averageImage"], dtype=np.float64)
        red, green, blue = average.reshape(-1, 3).mean(axis=0)
    except (KeyError, IndexError, TypeError, ValueError):
        raise _WrongNetworkError("the mean pixel (normalization.averageImage) is missing") from None
    if not all(0 < value < 255 for value in (red, green, blue)):
        raise _WrongNetworkError(f"the mean pixel ({red:g}, {green:g}, {blue:g}) is not inside 0..255")
    return float(red), float(green), float(blue)


def _one_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:120] or type(error).__name__
