"""The forward pass of VGG-19, cut after the last layer in use. Knows no losses and no files."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from neurotransfer.vgg.layers import block
from neurotransfer.vgg.weights import Weights
from neurotransfer.vgg.winograd import WinogradConv

Tensor = Any  # TensorFlow ships no types

WINOGRAD_CHANNELS = {"float32": range(128**2, 256**2 + 1), "bfloat16": range(256**2, 512**2 + 1)}
"""Channels in times channels out for which a Winograd convolution is faster: with fewer, moving the features takes
longer than multiplying them. With more, the factors of float32 take 0.1 GB and save 4 % of an evaluation at 400x300."""


class VGG19:
    """The network with its weights as constants: no gradient with respect to them is ever computed.

    ``network(image, layers)`` maps a picture (1, height, width, 3), RGB in 0..255, to the activations after ReLU of
    ``layers``: (1, ceil(height / s), ceil(width / s), channels) with stride s = 2 ** (block - 1).
    Everything is computed, and comes out, in ``dtype``: float32, bfloat16 or float64.

    Convolutions pad with zeros ('SAME'), as the network was trained, or repeat the outermost row (``replicate``) or the
    one before it (``reflect``), so that the border of a picture is not an edge; ``first-block`` repeats it in the first
    block, where the pixels are, and pads with zeros after that. Pooling windows that hang over the border average, or
    take the maximum of, real positions only. (Simonyan and Zisserman 2015; average pooling after Gatys et al. 2016.)

    ``winograd`` computes large convolutions with half of the multiplications (module ``winograd``). The rounding of a
    result then depends on its place in its row.
    """

    def __init__(
        self, weights: Weights, pooling: str, dtype: str = "float32", padding: str = "zeros", *, winograd: bool = True
    ) -> None:
        self._convolutions = {
            name: (WinogradConv if winograd and use_winograd(kernel[0, 0].size, dtype) else _PlainConv)(
                kernel, bias, dtype
            )
            for name, (kernel, bias) in weights.layers.items()
        }
        self.dtype = dtype
        self._padding = padding
        self._mean = tf.constant(weights.mean_pixel, "float32" if dtype == "bfloat16" else dtype)
        self._pool = tf.nn.max_pool2d if pooling == "max" else tf.nn.avg_pool2d

    def __call__(
        self, image: Tensor, layers: tuple[str, ...], hook: Callable[[str, Tensor], Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return the activations of ``layers`` by name; nothing after the deepest of them is computed.

        ``hook`` is called with the name and the activations of each as it is computed; what it returns takes their
        place, in the result and in the rest of the network.
        """
        features: dict[str, Tensor] = {}
        current, current_block = tf.cast(image - self._mean, self.dtype), 1
        for name, convolution in self._convolutions.items():
            if block(name) != current_block:
                current, current_block = self._pool(current, 2, 2, "SAME"), block(name)
            zeros = self._padding == "zeros" or (self._padding == "first-block" and current_block > 1)
            padded = current if zeros else framed(current, 1 if self._padding == "reflect" else 0)
            # One expression: outside of a graph, each of these large results is freed as soon as it was used.
            current = tf.nn.relu(convolution(padded, 1 if zeros else 0))
            if name in layers:
                current = features[name] = hook(name, current) if hook else current
            if len(features) == len(layers):
                break
        return features


class _PlainConv:
    """A convolution with constant weights, called like `WinogradConv`."""

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32], dtype: str) -> None:
        self._kernel, self._bias = tf.constant(kernel, dtype), tf.constant(bias, dtype)

    def __call__(self, features: Tensor, margin: int) -> Tensor:
        return tf.nn.bias_add(tf.nn.conv2d(features, self._kernel, 1, "SAME" if margin else "VALID"), self._bias)


def use_winograd(channels: int, dtype: str) -> bool:
    """Return whether a Winograd convolution is faster for so many channels in times channels out.

    On a GPU, cuDNN chooses the algorithm. In float64 the plain sums are more exact.
    """
    return channels in WINOGRAD_CHANNELS.get(dtype, ()) and not tf.config.list_physical_devices("GPU")


def framed(features: Tensor, source: int) -> Tensor:
    """Return ``features`` (1, H, W, C) with a frame of one position, as 3x3 kernels need it: (1, H + 2, W + 2, C).

    The frame repeats the rows and columns ``source`` positions inside the edge, if there are so many. It equals a
    mirroring `tf.pad`, whose kernel and gradient take three times as long: a tenth of an evaluation.
    """
    _, height, width, _ = tf.unstack(tf.shape(features))
    source = tf.minimum(source, tf.minimum(height, width) - 1)
    rows, columns = (_sources(length, source) for length in (height, width))

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def repeated(inner: Tensor) -> Tensor:
        wide = tf.concat([inner[:, :, source : source + 1], inner, inner[:, :, columns[-1] : columns[-1] + 1]], 2)
        whole = tf.concat([wide[:, source : source + 1], wide, wide[:, rows[-1] : rows[-1] + 1]], 1)

        def backward(upstream: Tensor) -> Tensor:
            # The frame's gradient belongs to the positions that it repeats: corners first with rows, then columns.
            (gradient,) = tf.unstack(upstream, 1)
            frame = [gradient[0], gradient[-1], gradient[1:-1, 0], gradient[1:-1, -1]]
            places = [(rows[0], columns), (rows[-1], columns), (rows[1:-1], columns[0]), (rows[1:-1], columns[-1])]
            indices = tf.concat([_pairs(*place) for place in places], 0)
            return tf.tensor_scatter_nd_add(gradient[1:-1, 1:-1], indices, tf.concat(frame, 0))[tf.newaxis]

        return whole, backward

    return repeated(features)


def _sources(length: Tensor, source: Tensor) -> Tensor:
    """Return, for each of ``length`` + 2 framed positions, the position that it shows."""
    return tf.concat([[source], tf.range(length), [length - 1 - source]], 0)


def _pairs(rows: Tensor, columns: Tensor) -> Tensor:
    """Return the pairs of rows and columns, of which one may be the same for all."""
    return tf.stack([rows + tf.zeros_like(columns), columns + tf.zeros_like(rows)], 1)
