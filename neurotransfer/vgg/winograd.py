"""Winograd convolutions F(4, 3) along rows: 3x3 convolutions with half of the multiplications.

Four neighbouring results of a filter of three taps take six products instead of twelve (Winograd 1980; Lavin and Gray
2016, "Fast Algorithms for Convolutional Neural Networks", section 4). Here each row of the features is cut into windows
of six columns that advance by four, and the six products are convolutions of three rows and one column. Two dimensions
would save more products and move more data through the memory.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Tensor = Any  # TensorFlow ships no types

# For the points 0, 1, -1, 2, -2 and infinity. The letters are the paper's, up to transposition.
_INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
"""B: six columns of features -> what the six products take."""
_FILTER = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.float32) / 24
"""G: three taps -> six factors."""
_OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
"""A: six products -> four columns of results."""
_ROW_BY_ROW = np.einsum("pc,rs->prsc", _FILTER, np.eye(3, dtype=np.float32))
"""The nine taps of a kernel, rows s and columns c -> the factors of product p in row r."""


class WinogradConv:
    """A convolution with constant weights, the same as ``conv2d`` and ``bias_add`` but for rounding.

    Its error is twice that of the plain sums: 1e-6 of the results in float32, 5e-3 in bfloat16.

    Args:
        kernel: (3, 3, channels in, channels out).
        bias: (channels out,).
        dtype: of the features.
    """

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32], dtype: str) -> None:
        taps = tf.constant(kernel)
        self._bias = tf.constant(bias, dtype)
        self._forward = _Products(taps, _ROW_BY_ROW, dtype)
        # The gradient by the features is the convolution with the kernel reversed.
        self._backward = _Products(tf.transpose(taps, (0, 1, 3, 2)), _ROW_BY_ROW[..., ::-1, ::-1], dtype)

    def __call__(self, features: Tensor, margin: int) -> Tensor:
        """Convolve features (1, H, W, channels in) amid ``margin`` rows and columns of zeros: 1 keeps their size."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def convolved(inner: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            return self._forward(inner, margin, self._bias), lambda upstream: self._backward(upstream, 2 - margin)

        return convolved(features)


class _Products:
    """Six products for four columns of results; ``factors_of`` makes their factors from taps (3, 3, in, out)."""

    def __init__(self, taps: Tensor, factors_of: NDArray[np.float32], dtype: str) -> None:
        factors = tf.cast(tf.matmul(factors_of.reshape(18, 9), tf.reshape(taps, (9, -1))), dtype)
        self._factors = tf.unstack(tf.reshape(factors, (6, 3, 1, *taps.shape[2:])))
        windows = np.repeat(_INPUT[:, np.newaxis, :, np.newaxis, np.newaxis], taps.shape[2], axis=3)
        self._windows = tf.unstack(tf.constant(windows, dtype))
        self._output = tf.constant(_OUTPUT, dtype)

    def __call__(self, features: Tensor, margin: int, bias: Tensor | None = None) -> Tensor:
        channels = features.shape[-1]
        _, rows, columns, _ = tf.unstack(tf.shape(features))
        height, width = rows + 2 * margin - 2, columns + 2 * margin - 2
        count = -(-width // 4)
        padded = tf.pad(features, [[0, 0], [0, 0], [margin, 4 * count + 2 - columns - margin], [0, 0]])
        # Each row becomes a picture one pixel high: TensorFlow's strides cannot differ between rows and columns.
        single, together = (rows, 1, 4 * count + 2, channels), (1, rows, count, channels)
        padded = tf.reshape(padded, single)
        products = []
        for window, factor in zip(self._windows, self._factors, strict=True):
            # The raw operation: tf.nn.depthwise_conv2d adds three more, each of which takes time to trace.
            taken = tf.raw_ops.DepthwiseConv2dNative(input=padded, filter=window, strides=(1, 4, 4, 1), padding="VALID")
            taken = tf.reshape(taken, together)
            products.append(tf.nn.conv2d(taken, factor, 1, [[0, 0], [margin, margin], [0, 0], [0, 0]]))
        if bias is not None:
            products[1] = tf.nn.bias_add(products[1], bias)  # product 1 enters each of the four results once
        results = tf.matmul(self._output, tf.stack(products, 3))
        return tf.reshape(results, (1, height, 4 * count, products[0].shape[-1]))[:, :, :width]
