"""The loss terms: pure functions of tensors. Unweighted here, except for the weights of layers within a term.

Three forms of the same ideas (Gatys, Ecker and Bethge, CVPR 2016):

=========  ==========================  ===================================
form       content, per layer          style, per layer
=========  ==========================  ===================================
``gatys``  1/4 mean of (F - F_c)^2     1/4 sum over entries of (G - G_s)^2
``mean``   mean of (F - F_c)^2         mean over entries of (G - G_s)^2
``norm``   square root of ``gatys``    square root of ``gatys``
=========  ==========================  ===================================

``norm`` measures distances, not their squares: a term's pull does not fade as it gets small, nor drown the others
while it is large, so that photo and painting keep their balance from the first step to the last.

F are activations (1, height, width, channels); G is the Gram matrix below. All are means over positions, so a weight
keeps its meaning at any picture size.
"""

from typing import NamedTuple

import numpy as np

from neurotransfer.backend import tf
from neurotransfer.vgg import Tensor

_TINY = 1e-6
"""Keeps the derivative of the square root finite where picture and target agree exactly."""


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrix F^T F / (H W C), (channels, channels), of activations (1, H, W, C) (Gatys et al. 2016)."""
    height, width, channels = features.shape[1:]
    rows = tf.reshape(features, [height * width, channels])
    return _second_moment(rows) / float(height * width * channels)


_CHUNK = 1 << 17
"""Positions summed at once: 32 MB of 64 channels in float32, where all of a large picture would be gigabytes."""


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _second_moment(rows: Tensor) -> Tensor:
    """F^T F of (positions, channels), summed in float32 or wider whatever the type of the features.

    The two halves of its derivative are one product, F (dG + dG^T), in the type of the features.
    """

    def gradient(upstream: Tensor) -> Tensor:
        return tf.matmul(rows, tf.cast(upstream + tf.transpose(upstream), rows.dtype))

    chunks = [_widened(rows[begin : begin + _CHUNK]) for begin in range(0, rows.shape[0], _CHUNK)]
    return tf.add_n([tf.matmul(chunk, chunk, transpose_a=True) for chunk in chunks]), gradient


def _widened(values: Tensor) -> Tensor:
    return tf.cast(values, tf.float32) if values.dtype == tf.bfloat16 else values


def content_loss(features: Tensor, target: Tensor, form: str) -> Tensor:
    """Return the content loss of one layer, a scalar."""
    difference = tf.reduce_mean(tf.math.squared_difference(_widened(features), _widened(target)))
    return difference if form == "mean" else _quarter(difference, form)


class Whitening(NamedTuple):
    """A metric for differences of Gram matrices in which small eigenvalues of the painting's count like large ones.

    With G_s = V diag(l) V^T, the difference D becomes W * (V^T D V), W_ij = ((l_i + l_j) / 2 l_max + 1e-3)^-exponent.
    Nearly all of a deep Gram matrix is one eigenvector, the mean activation; a plain distance sees little else until
    that is right. An exponent of 1/4 is, to first order and up to scale, half way to comparing square roots of Gram
    matrices. Measured in docs/performance.md.
    """

    basis: Tensor  # (channels, channels)
    factors: Tensor  # (channels, channels)

    def __call__(self, difference: Tensor) -> Tensor:
        """Return the difference (channels, channels) in this metric."""
        return self.factors * tf.matmul(self.basis, tf.matmul(difference, self.basis), transpose_a=True)


def whitening(target: Tensor, exponent: float) -> Whitening:
    """Return the metric of a painting's Gram matrix (channels, channels)."""
    values, basis = np.linalg.eigh(target.numpy().astype(np.float64))
    values = np.maximum(values, 0.0) / values.max()
    factors = ((values[:, np.newaxis] + values) / 2.0 + 1e-3) ** -exponent
    return Whitening(tf.constant(basis, tf.float32), tf.constant(factors, tf.float32))


def style_loss(gram_matrix: Tensor, target: Tensor, form: str, metric: Whitening | None = None) -> Tensor:
    """Return the style loss of one layer from its Gram matrix (channels, channels), a scalar."""
    difference = gram_matrix - target
    squares = tf.square(difference if metric is None else metric(difference))
    return tf.reduce_mean(squares) if form == "mean" else _quarter(tf.reduce_sum(squares), form)


def _quarter(squares: Tensor, form: str) -> Tensor:
    return tf.sqrt(squares / 4.0 + _TINY) if form == "norm" else squares / 4.0


def total_variation(image: Tensor) -> Tensor:
    """Return the mean squared difference of vertical plus that of horizontal neighbours of (1, H, W, 3) in 0..255."""
    down = tf.math.squared_difference(image[:, 1:], image[:, :-1])
    right = tf.math.squared_difference(image[:, :, 1:], image[:, :, :-1])
    # A picture one pixel high has no vertical neighbours: nothing, not 0 / 0.
    return tf.add_n([tf.reduce_sum(pairs) / max(pairs.shape.num_elements(), 1) for pairs in (down, right)])
