"""VGG-19 weights that Keras saved: ``.h5``, ``.weights.h5``, and the ``.keras`` archive with such a file inside.

Keras' VGG-19 is the same network with its first layer turned to BGR input; here it is turned back. Only numbers are
read: no model is built from the file, so nothing in it can run.
"""

import math
import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from neurotransfer.system.errors import NeurotransferError, reason_of
from neurotransfer.vgg.kernels import MOST_NUMBERS, Kernels, WrongNetworkError, checked
from neurotransfer.vgg.layers import LAYERS, MEAN_PIXEL

INSIDE = "model.weights.h5"
"""Name of the weights inside a ``.keras`` archive."""
MOST_BYTES = 1_000_000_000
"""Of them; a whole VGG-19 has 575 million."""


def read_keras(path: Path) -> tuple[Kernels, tuple[float, float, float], str]:
    """Return (kernels of all layers, mean pixel, name of the layout) of an HDF5 file.

    Raises:
        WrongNetworkError: it cannot be read, or is another network's.
        NeurotransferError: h5py is not installed.
    """
    with path.open("rb") as handle:
        return _read(handle, "Keras, .h5")


def read_keras_archive(path: Path) -> tuple[Kernels, tuple[float, float, float], str]:
    """The same of a ``.keras`` archive."""
    with tempfile.TemporaryFile() as unpacked:  # HDF5 jumps to and fro, which compressed members make slow
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo(INSIDE).file_size > MOST_BYTES:
                    raise WrongNetworkError(f"unpack to more than {MOST_BYTES // 10**6} MB")
                with archive.open(INSIDE) as member:
                    shutil.copyfileobj(member, unpacked)
        except (WrongNetworkError, OSError, MemoryError):  # not the archive's fault, a full disk for one
            raise
        except Exception as error:  # every compression has errors of its own
            raise WrongNetworkError(f"cannot be read as a .keras archive: {reason_of(error)}") from None
        return _read(unpacked, "Keras, .keras")


def _read(handle: BinaryIO, layout: str) -> tuple[Kernels, tuple[float, float, float], str]:
    try:
        import h5py
    except ImportError:
        raise NeurotransferError(
            "Keras files need the package h5py, which is not installed; run: pip install 'neurotransfer[h5]'."
        ) from None
    try:
        with h5py.File(handle, "r") as file:
            found = _layers(_datasets(file, h5py.Dataset))
            kernels = {name: checked(name, *map(_numbers, found[name])) for name in LAYERS}
    except WrongNetworkError as error:
        raise WrongNetworkError(f"are not those of VGG-19: {error}") from None
    except Exception as error:  # h5py raises nearly anything on damaged files
        raise WrongNetworkError(f"cannot be read as an HDF5 file: {reason_of(error)}") from None
    kernel, bias = kernels["conv1_1"]
    kernels["conv1_1"] = np.ascontiguousarray(kernel[:, :, ::-1, :]), bias  # BGR -> RGB
    return kernels, MEAN_PIXEL, layout


def _datasets(file: Any, kind: type) -> dict[str, list[Any]]:
    """Return the datasets of every folder in the file; links to elsewhere are not followed."""
    folders: dict[str, list[Any]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, kind) and not name.startswith("optimizer"):
            folders.setdefault(name.rpartition("/")[0], []).append(item)

    file.visititems(visit)
    return folders


def _layers(folders: dict[str, list[Any]]) -> dict[str, tuple[Any, Any]]:
    """Return (kernel, bias) by layer: folders named block1_conv1, or in Keras 3 conv2d, conv2d_1 and so on."""
    found: dict[str, tuple[Any, Any]] = {}
    for folder, items in folders.items():
        pair = {item.ndim: item for item in items}
        if set(pair) != {1, 4} or len(items) != 2:
            continue
        named = re.search(r"block(\d)_conv(\d)", folder)
        counted = re.search(r"(?:^|/)conv2d(?:_(\d+))?(?:/|$)", folder)
        if named:
            found[f"conv{named[1]}_{named[2]}"] = pair[4], pair[1]
        elif counted and (number := int(counted[1] or 0)) < len(LAYERS):
            found[LAYERS[number]] = pair[4], pair[1]
    missing = [name for name in LAYERS if name not in found]
    if missing:
        raise WrongNetworkError(f"layer {missing[0]} is missing")
    return found


def _numbers(dataset: Any) -> Any:
    """Return a dataset's content, its claims having been looked at first: any size, of entries, too, or of chunks."""
    if dataset.is_virtual or dataset.external:
        raise WrongNetworkError(f"{dataset.name} lies in another file")
    if dataset.dtype.kind not in "fiu":
        raise WrongNetworkError(f"{dataset.name} does not hold numbers")
    for shape in (dataset.shape, dataset.chunks or ()):  # a chunk is unpacked whole, and may be larger than the array
        if math.prod(shape) > MOST_NUMBERS:
            raise WrongNetworkError(f"{dataset.name} has the shape {shape}")
    return dataset[()]
