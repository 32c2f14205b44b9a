"""A small network as a list of operations, run in NumPy: photos are looked at before TensorFlow is loaded.

The files are MediaPipe's networks, laid out anew (NOTICE). Arrays are (1, height, width, channels), float32.
"""

import json
from collections.abc import Callable, Mapping
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from neurotransfer.system.array import Array

_DATA = files("neurotransfer") / "data"
_LARGEST_EXPONENT = 80.0
"""Beyond it a sigmoid is 0 or 1, and its exponential too large for float32."""

Operation = Mapping[str, Any]


class Network:
    """A network that ships with the package, by name; called with its input, it returns its outputs."""

    def __init__(self, name: str) -> None:
        with as_file(_DATA / f"{name}.npz") as path, np.load(path) as archive:
            self._arrays = {key: archive[key].astype(np.float32) for key in archive.files if key != "graph"}
            graph = json.loads(archive["graph"].tobytes())
        self._operations: list[Operation] = graph["operations"]
        self._input, self._outputs = graph["input"], graph["outputs"]
        self.input_side = int(graph["input_shape"][1])
        """Height and width of the input."""

    def __call__(self, image: Array) -> list[Array]:
        """Return the outputs for an input (1, side, side, 3)."""
        values = {self._input: image}
        for operation in self._operations:
            inputs = [values[number] for number in operation["inputs"]]
            constants = [self._arrays[name] for name in operation["arrays"]]
            found = _OPERATIONS[operation["op"]](operation, *inputs, *constants)
            values[operation["out"]] = _ACTIVATIONS[operation.get("activation")](found)
        return [values[number] for number in self._outputs]


def sigmoid(values: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    one = np.float32(1.0)
    shares: Array = one / (one + np.exp(-np.clip(values, -_LARGEST_EXPONENT, _LARGEST_EXPONENT)))
    return shares


def _relu(values: Array) -> Array:
    return np.maximum(values, 0.0)


def _relu6(values: Array) -> Array:
    return np.clip(values, 0.0, 6.0)


def _padded(values: Array, window: tuple[int, int], operation: Operation, fill: float = 0.0) -> Array:
    """Return the values with the frame that the operation's padding wants; TensorFlow's ``same`` may be lopsided."""
    if operation.get("padding") != "same":
        return values
    pads = [(0, 0)]
    for length, side in zip(values.shape[1:3], window, strict=True):
        stride = operation["stride"]
        total = max((-(-length // stride) - 1) * stride + side - length, 0)
        pads.append((total // 2, total - total // 2))
    return np.pad(values, [*pads, (0, 0)], constant_values=fill)


def _windows(values: Array, window: tuple[int, int], operation: Operation, fill: float = 0.0) -> Array:
    """Return what the operation's window sees at each of its places, (1, h, w, channels, *window)."""
    padded, stride = _padded(values, window, operation, fill), operation["stride"]
    views: Array = np.lib.stride_tricks.sliding_window_view(padded, window, axis=(1, 2))
    return views[:, ::stride, ::stride]


def _conv(operation: Operation, values: Array, kernel: Array, bias: Array) -> Array:
    """Convolve with a kernel (out, h, w, in)."""
    windows = _windows(values, kernel.shape[1:3], operation)
    found: Array = np.tensordot(windows, kernel.transpose(3, 1, 2, 0), 3) + bias
    return found


def _depthwise_conv(operation: Operation, values: Array, kernel: Array, bias: Array) -> Array:
    """Convolve each channel with its own kernel, (1, h, w, channels)."""
    windows = _windows(values, kernel.shape[1:3], operation)
    total = np.zeros(windows.shape[:4], np.float32) + bias
    for row in range(kernel.shape[1]):
        for column in range(kernel.shape[2]):
            total += windows[..., row, column] * kernel[0, row, column]
    return total


def _transpose_conv(_: Operation, values: Array, kernel: Array, bias: Array) -> Array:
    """Make four places of each, with a kernel (out, 2, 2, in)."""
    _, height, width, _ = values.shape
    places: Array = np.einsum("hwc,oabc->hawbo", values[0], kernel)
    found: Array = places.reshape(1, 2 * height, 2 * width, len(kernel)) + bias
    return found


def _max_pool(operation: Operation, values: Array) -> Array:
    found: Array = _windows(values, tuple(operation["window"]), operation, -np.inf).max(axis=(-2, -1))
    return found


def _average_pool(operation: Operation, values: Array) -> Array:
    found: Array = _windows(values, tuple(operation["window"]), operation).mean(axis=(-2, -1))
    return found


def _resize(operation: Operation, values: Array) -> Array:
    """Enlarge linearly; a pixel's place is its middle."""
    for axis, length in enumerate(operation["size"], start=1):
        before = values.shape[axis]
        places = np.clip((np.arange(length) + 0.5) * before / length - 0.5, 0.0, before - 1.0)
        low = places.astype(np.intp)
        share = (places - low).astype(np.float32).reshape([-1 if axis == number else 1 for number in range(4)])
        upper = values.take(np.minimum(low + 1, before - 1), axis)
        values = values.take(low, axis) * (1.0 - share) + upper * share
    return values


_OPERATIONS: Mapping[str, Callable[..., Array]] = {
    "conv_2d": _conv,
    "depthwise_conv_2d": _depthwise_conv,
    "transpose_conv_2d": _transpose_conv,
    "max_pool_2d": _max_pool,
    "average_pool_2d": _average_pool,
    "resize_bilinear": _resize,
    "relu": lambda _, values: _relu(values),
    "hard_swish": lambda _, values: values * _relu6(values + 3.0) / 6.0,
    "logistic": lambda _, values: sigmoid(values),
    "add": lambda _, *values: np.add(*values),
    "mul": lambda _, *values: np.multiply(*values),
    "pad": lambda operation, values: np.pad(values, operation["pads"]),
    "reshape": lambda operation, values: values.reshape(operation["shape"]),
    "concatenation": lambda operation, *values: np.concatenate(values, operation["axis"]),
}
_ACTIVATIONS: Mapping[str | None, Callable[[Array], Array]] = {
    None: lambda values: values,
    "none": lambda values: values,
    "relu": _relu,
    "relu6": _relu6,
}
