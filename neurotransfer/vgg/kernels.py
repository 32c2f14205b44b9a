"""Kernels and biases of VGG-19 as arrays, and the checks that they pass, whatever file they come from."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurotransfer.vgg.layers import KERNEL_SHAPES

Kernel = tuple[NDArray[np.float32], NDArray[np.float32]]
"""(kernel (3, 3, in, out), bias (out,)), for RGB input where it is the first layer's."""
Kernels = Mapping[str, Kernel]
"""Layer name -> kernel and bias."""

MAX_NUMBERS = max(a * b * c * d for a, b, c, d in KERNEL_SHAPES.values())
"""Entries of the largest kernel."""


class WrongNetworkError(Exception):
    """A file does not hold this network; the message is a predicate, for a sentence that names the weights."""


def checked(name: str, kernel: Any, bias: Any, axes: tuple[int, int, int, int] = (0, 1, 2, 3)) -> Kernel:
    """Return kernel and bias of layer ``name`` as float32; the kernel's axes are transposed to ``axes``.

    Raises:
        WrongNetworkError: they are not finite numbers of the layer's shapes.
    """
    if not isinstance(kernel, np.ndarray) or not isinstance(bias, np.ndarray):
        raise WrongNetworkError(f"layer {name} holds no kernel or no bias")
    bias, expected = bias.ravel(), KERNEL_SHAPES[name]
    if kernel.dtype.kind not in "fiu" or bias.dtype.kind not in "fiu":
        raise WrongNetworkError(f"layer {name} holds {kernel.dtype} and {bias.dtype} instead of numbers")
    if kernel.shape != expected or bias.shape != expected[3:]:
        raise WrongNetworkError(
            f"layer {name} has a kernel {kernel.shape} and a bias {bias.shape}, expected {expected} and {expected[3:]}"
        )
    with np.errstate(over="ignore"):  # numbers that overflow become infinite, which is checked next
        kernel = np.ascontiguousarray(kernel.transpose(axes), np.float32)
        bias = np.array(bias, np.float32)
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise WrongNetworkError(f"layer {name} holds values that are not finite")
    return kernel, bias


def checked_mean(values: Any) -> tuple[float, float, float]:
    """Return the mean pixel (red, green, blue) as floats.

    Raises:
        WrongNetworkError: it is not three numbers inside 0..255.
    """
    mean = tuple(float(value) for value in np.ravel(values))
    if len(mean) != 3 or not all(0 < value < 255 for value in mean):
        raise WrongNetworkError(f"the mean pixel ({', '.join(f'{value:g}' for value in mean)}) is not inside 0..255")
    return mean[0], mean[1], mean[2]
