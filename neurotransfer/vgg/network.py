"""The forward pass of VGG-19, cut after the last layer in use. Knows no losses and no files."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurotransfer.system.tensorflow import tf
from neurotransfer.vgg.layers import block
from neurotransfer.vgg.weights import Weights
from neurotransfer.vgg.winograd import RowWinograd

Tensor = Any  # TensorFlow ships no types

_WORTH_IT = {"float32": range(128**2, 256**2 + 1), "bfloat16": range(256**2, 512**2 + 1)}
"""Channels in times channels out of the convolutions for which Winograd's way pays: with fewer there is more to move
than to multiply. With more, the factors of float32 would take 0.1 GB, to save 4 % of an evaluation at 400x300."""


class VGG19:
    """The network with its weights as constants: no gradient with respect to them is ever computed.

    ``network(image, layers)`` maps a picture (1, height, width, 3), RGB in 0..255, to the activations after ReLU of
    ``layers``: (1, ceil(height / s), ceil(width / s), channels) with stride s = 2 ** (block - 1).
    Everything is computed, and comes out, in ``dtype``: float32, bfloat16 or float64.

    Convolutions pad with zeros ('SAME'), as the network was trained, or repeat the outermost row (``replicate``) or the
    one before it (``reflect``), so that the frame of a picture is no edge to be seen; ``first-block`` repeats it in the
    first block, where the pixels are, and pads with zeros after that. Pooling windows that hang over the edge average,
    or take the maximum of, real positions only. (Simonyan and Zisserman 2015; average pooling after Gatys et al. 2016.)

    ``winograd`` lets large convolutions do with half of the multiplications (`winograd`). How a result is
    rounded then depends on where in its row it lies.
    """

    def __init__(
        self, weights: Weights, pooling: str, dtype: str = "float32", padding: str = "zeros", *, winograd: bool = True
    ) -> None:
        self._convolutions = {
            name: (RowWinograd if winograd and _pays(kernel[0, 0].size, dtype) else _Plain)(kernel, bias, dtype)
            for name, (kernel, bias) in weights.layers.items()
        }
        self._dtype = dtype
        self._padding = padding
        self._mean = tf.constant(weights.mean_pixel, "float32" if dtype == "bfloat16" else dtype)
        self._pool = tf.nn.max_pool2d if pooling == "max" else tf.nn.avg_pool2d

    def __call__(
        self, image: Tensor, layers: tuple[str, ...], tap: Callable[[str, Tensor], Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return the activations of ``layers`` by name; nothing after the deepest of them is computed.

        ``tap`` is called with each of them on the way, and what it returns takes their place.
        """
        features: dict[str, Tensor] = {}
        current, current_block = tf.cast(image - self._mean, self._dtype), 1
        for name, convolution in self._convolutions.items():
            if block(name) != current_block:
                current, current_block = self._pool(current, 2, 2, "SAME"), block(name)
            zeros = self._padding == "zeros" or (self._padding == "first-block" and current_block > 1)
            padded = current if zeros else framed(current, 1 if self._padding == "reflect" else 0)
            # One expression: outside of a graph, each of these large results is given back as soon as it was used.
            current = tf.nn.relu(convolution(padded, 1 if zeros else 0))
            if name in layers:
                current = features[name] = tap(name, current) if tap else current
            if len(features) == len(layers):
                break
        return features


class _Plain:
    """A convolution with constant weights, in the way of `RowWinograd`."""

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32], dtype: str) -> None:
        self._kernel, self._bias = tf.constant(kernel, dtype), tf.constant(bias, dtype)

    def __call__(self, features: Tensor, margin: int) -> Tensor:
        return tf.nn.bias_add(tf.nn.conv2d(features, self._kernel, 1, "SAME" if margin else "VALID"), self._bias)


def _pays(weights_a_tap: int, dtype: str) -> bool:
    """Whether to go Winograd's way. A graphics card has ways of its own; float64 is for those who want to be exact."""
    return weights_a_tap in _WORTH_IT.get(dtype, ()) and not tf.config.list_physical_devices("GPU")


def framed(features: Tensor, source: int) -> Tensor:
    """Return ``features`` (1, H, W, C) with a frame of one position, what 3x3 kernels need: (1, H + 2, W + 2, C).

    The frame repeats the rows and columns ``source`` positions inside the edge, if there are so many. The same as a
    mirroring `tf.pad`, whose kernel and derivative take three times as long: a tenth of an evaluation.
    """
    height, width = features.shape[1:3]
    source = min(source, height - 1, width - 1)
    rows, columns = (_sources(length, source) for length in (height, width))

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def repeated(inner: Tensor) -> Tensor:
        wide = tf.concat([inner[:, :, source : source + 1], inner, inner[:, :, columns[-1] : columns[-1] + 1]], 2)
        whole = tf.concat([wide[:, source : source + 1], wide, wide[:, rows[-1] : rows[-1] + 1]], 1)

        def gradient(upstream: Tensor) -> Tensor:
            # What reached the frame belongs to the positions that it repeats: corners first with rows, then columns.
            (slope,) = tf.unstack(upstream, 1)
            frame = [slope[0], slope[-1], slope[1:-1, 0], slope[1:-1, -1]]
            places = [(rows[0], columns), (rows[-1], columns), (rows[1:-1], columns[0]), (rows[1:-1], columns[-1])]
            indices = np.concatenate([np.stack(np.broadcast_arrays(*place), 1) for place in places])
            return tf.tensor_scatter_nd_add(slope[1:-1, 1:-1], indices, tf.concat(frame, 0))[tf.newaxis]

        return whole, gradient

    return repeated(features)


def _sources(length: int, source: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return, for each of ``length`` + 2 framed positions, the position that it shows."""
    return np.array([source, *range(length), length - 1 - source], dtype=np.int32)
