"""The official weights as MatConvNet published them, in two layouts: a cell array ``layers`` of structs.

Fields are read by name, never by position. The layouts differ in the place and the shape of the mean pixel.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurotransfer.vgg.formats.matlab import MatlabError, Value, read_matlab
from neurotransfer.vgg.kernels import MAX_NUMBERS, Kernel, Kernels, WrongNetworkError, checked, checked_mean
from neurotransfer.vgg.layers import LAYERS

OFFICIAL_NAME = "imagenet-vgg-verydeep-19.mat"


def read_matconvnet(path: Path) -> tuple[Kernels, tuple[float, float, float], str]:
    """Return (kernels of all layers, mean pixel, name of the layout).

    Raises:
        WrongNetworkError: the file is not a MATLAB file, or another network's.
    """
    try:
        content = read_matlab(path, ("layers", "meta", "normalization"), MAX_NUMBERS)
    except MatlabError as error:
        raise WrongNetworkError(f"cannot be read as a MATLAB file: {error}") from None
    if "layers" not in content:
        raise WrongNetworkError("hold no variable 'layers'")
    newer = "meta" in content
    try:
        found = _records(content["layers"])
        kernels = {name: _kernel_and_bias(name, found) for name in LAYERS}
        mean = _mean_pixel(_field(content["meta"], "normalization") if newer else content.get("normalization"))
    except WrongNetworkError as error:
        raise WrongNetworkError(f"are not those of VGG-19: {error}") from None
    return kernels, mean, f"MatConvNet, {'newer' if newer else 'older'} layout"


def _field(record: Value, name: str) -> Value:
    return record.get(name) if isinstance(record, Mapping) else None


def _records(layers: Value) -> dict[str, Mapping[str, Any]]:
    """Return the structs of the cell array by their name; structs without one are skipped."""
    if not isinstance(layers, list):
        raise WrongNetworkError("'layers' is not a cell array")
    return {record["name"]: record for record in layers if isinstance(_field(record, "name"), str)}


def _kernel_and_bias(name: str, found: Mapping[str, Any]) -> Kernel:
    if name not in found:
        raise WrongNetworkError(f"layer {name} is missing")
    cells = _field(found[name], "weights")
    if not isinstance(cells, list) or len(cells) != 2:
        raise WrongNetworkError(f"layer {name} does not hold a kernel and a bias")
    kernel, bias = cells
    # MatConvNet stores (width, height, in, out); TensorFlow expects (height, width, in, out).
    return checked(name, kernel, bias, axes=(1, 0, 2, 3))


def _mean_pixel(normalization: Value) -> tuple[float, float, float]:
    """Return the mean over positions of ``averageImage``."""
    average = _field(normalization, "averageImage")
    if not isinstance(average, np.ndarray) or average.size == 0 or average.shape[-1] != 3:
        raise WrongNetworkError("the mean pixel (normalization.averageImage) is missing")
    return checked_mean(average.astype(np.float64).reshape(-1, 3).mean(axis=0))
