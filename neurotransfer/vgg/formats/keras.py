"""VGG-19 weights that Keras saved: ``.h5``, ``.weights.h5``, and the ``.keras`` archive, which contains such a file.

Keras' VGG-19 is the same network, but its first layer expects BGR input; here its channels are put back into RGB order.
Only numbers are read: no model is built from the file, so nothing in it can run.
"""

import math
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from neurotransfer.system.errors import NeurotransferError, reason_of
from neurotransfer.system.npz import METHODS, open_zip
from neurotransfer.vgg.kernels import MAX_NUMBERS, Kernels, WrongNetworkError, checked
from neurotransfer.vgg.layers import LAYERS, MEAN_PIXEL

INSIDE = "model.weights.h5"
"""Name of the weights inside a ``.keras`` archive."""
MAX_BYTES = 1_000_000_000
"""Of the weights inside an archive, unpacked; a whole VGG-19 has 575 million."""


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
    with tempfile.TemporaryFile() as unpacked:  # HDF5 seeks a lot, which is slow in a compressed member
        try:
            with open_zip(path) as archive:
                if archive.getinfo(INSIDE).compress_type not in METHODS:  # others may claim gigabytes to unpack into
                    raise WrongNetworkError("cannot be read: they are compressed in another way than Keras does")
                if archive.getinfo(INSIDE).file_size > MAX_BYTES:
                    raise WrongNetworkError(f"unpack to more than {MAX_BYTES // 10**6} MB")
                with archive.open(INSIDE) as member:
                    shutil.copyfileobj(member, unpacked)
        except (WrongNetworkError, OSError, MemoryError):  # not caused by the archive: a full disk, for example
            raise
        except Exception as error:  # every compression method raises errors of its own
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
    except Exception as error:  # untrusted input: h5py may raise anything
        raise WrongNetworkError(f"cannot be read as an HDF5 file: {reason_of(error)}") from None
    kernel, bias = kernels["conv1_1"]
    kernels["conv1_1"] = np.ascontiguousarray(kernel[:, :, ::-1, :]), bias  # BGR -> RGB
    return kernels, MEAN_PIXEL, layout


def _datasets(file: Any, kind: type) -> dict[str, list[Any]]:
    """Return the datasets of every group in the file by the group's name; external links are not followed."""
    groups: dict[str, list[Any]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, kind) and not name.startswith("optimizer"):
            groups.setdefault(name.rpartition("/")[0], []).append(item)

    file.visititems(visit)
    return groups


def _layers(groups: dict[str, list[Any]]) -> dict[str, tuple[Any, Any]]:
    """Return (kernel, bias) by layer: groups are named block1_conv1, or in Keras 3 conv2d, conv2d_1 and so on."""
    found: dict[str, tuple[Any, Any]] = {}
    for group, items in groups.items():
        pair = {item.ndim: item for item in items}
        if set(pair) != {1, 4} or len(items) != 2:
            continue
        named = re.search(r"block(\d)_conv(\d)", group)
        counted = re.search(r"(?:^|/)conv2d(?:_(\d+))?(?:/|$)", group)
        if named:
            found[f"conv{named[1]}_{named[2]}"] = pair[4], pair[1]
        elif counted and (number := int(counted[1] or 0)) < len(LAYERS):
            found[LAYERS[number]] = pair[4], pair[1]
    missing = [name for name in LAYERS if name not in found]
    if missing:
        raise WrongNetworkError(f"layer {missing[0]} is missing")
    return found


def _numbers(dataset: Any) -> Any:
    """Return a dataset's content; first check its claims: shape, chunks and type may be of any size."""
    if dataset.is_virtual or dataset.external:
        raise WrongNetworkError(f"{dataset.name} lies in another file")
    if dataset.dtype.kind not in "fiu":
        raise WrongNetworkError(f"{dataset.name} does not hold numbers")
    for shape in (
        dataset.shape,
        dataset.chunks or (),
    ):  # a chunk is unpacked as a whole and may be larger than the array
        if math.prod(shape) > MAX_NUMBERS:
            raise WrongNetworkError(f"{dataset.name} has the shape {shape}")
    return dataset[()]
