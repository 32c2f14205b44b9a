"""The loss terms: pure functions of tensors. Unweighted here, except for the weights of layers within a term.

Three forms of the same ideas (Gatys, Ecker and Bethge, CVPR 2016):

=========  ==========================  ===================================
form       content, per layer          style, per layer
=========  ==========================  ===================================
``gatys``  1/4 mean of (F - F_c)^2     1/4 sum over entries of (G - G_s)^2
``mean``   mean of (F - F_c)^2         mean over entries of (G - G_s)^2
``norm``   square root of ``gatys``    square root of ``gatys``
``joint``  as ``gatys``; the square root is taken of the weighted sum over layers
=========  ===============================================================

``norm`` and ``joint`` measure distances, not their squares: a term's pull does not fade as it gets small, nor drown the
others while it is large, so that photo and painting keep their balance from the first step to the last. ``norm`` does
so for every layer, ``joint`` leaves the layers of a term to each other as they are in ``gatys``.

F are activations (1, height, width, channels); G is the Gram matrix below. All are means over positions, so a weight
keeps its meaning at any picture size.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from neurotransfer.system.errors import NotFiniteError
from neurotransfer.system.size import Size
from neurotransfer.vgg.network import Tensor

_TINY = 1e-6
"""Keeps the derivative of the square root finite where picture and target agree exactly."""
_MARGIN = 10.0
"""Levels at either end of 0..255 that the range loss keeps values out of."""
_BORDER = 3
"""Steps between neighbors, counted from the picture's edge inwards, that may count more than others."""
_STEEPNESS = 300.0
"""How fast the gradient of a layer's content loss grows beyond its limit: 1 % over it, it is four times what it was."""


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrix F^T F / (H W C), (channels, channels), of activations (1, H, W, C) (Gatys et al. 2016)."""
    height, width, channels = features.shape[1:]
    return second_moments(features)[1][0] / float(height * width * channels)


_CHUNK = 1 << 17
"""Positions summed at once: 32 MB of 64 channels in float32, where all of a large picture would be gigabytes."""


def inside(values: Tensor, part: Tensor | None) -> Tensor:
    """Return the ``part`` [top, bottom, left, right] of values (1, h, w, channels); None: all of them."""
    return values if part is None else values[:, part[0] : part[1], part[2] : part[3]]


def second_moments(features: Tensor, part: Tensor | None = None, masks: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return ``features`` (1, H, W, C) themselves and their sums of outer products, (1 + K, C, C), float32 or wider.

    The first sum is F^T F; those of masks are sums of m F^T F, a position's outer product times its mask.

    The rest of the network should use the features returned: the sums' gradient is then computed when the network's own
    gradient arrives. Otherwise the gradients of all layers' sums would wait in memory for their turn.

    Args:
        features: the activations.
        part: [top, bottom, left, right] of the positions that count, int32 (4,); None: all of them.
        masks: (1, h, w, K), of that part; None: there are none.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def summed(features: Tensor) -> Tensor:
        channels = features.shape[-1]
        flat_masks = [] if masks is None else tf.unstack(tf.reshape(masks, [-1, 1, masks.shape[-1]]), axis=-1)

        def backward(upstream: Tensor, matrices: Tensor) -> Tensor:
            # The two halves of a gradient are one product, F (dG + dG^T), in the type of the features. The part is
            # cut out again: kept from the forward pass, those of all layers would be a third of a window's memory.
            with tf.control_dependencies([upstream]):
                both = tf.cast(matrices + tf.linalg.matrix_transpose(matrices), features.dtype)
                again = inside(features, part)
            rows = tf.reshape(again, [-1, channels])
            gradient = tf.matmul(rows, both[0])
            for number, mask in enumerate(flat_masks, 1):
                gradient += mask * tf.matmul(rows, both[number])
            gradient = tf.reshape(gradient, tf.shape(again))
            if part is not None:
                _, height, width, _ = tf.unstack(tf.shape(features))
                outside = [[0, 0], [part[0], height - part[1]], [part[2], width - part[3]], [0, 0]]
                gradient = tf.ensure_shape(tf.pad(gradient, outside), features.shape)
            return upstream + gradient

        counted = inside(features, part)
        width = tf.shape(counted)[2]
        rows_at_once, rows = -(-_CHUNK // width), tf.shape(counted)[1]

        def add(top: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
            band = _widened(tf.reshape(counted[:, top : top + rows_at_once], [-1, channels]))
            part_of_masks = slice(top * width, (top + rows_at_once) * width)
            weighed = [band, *(_widened(mask[part_of_masks]) * band for mask in flat_masks)]
            return top + rows_at_once, total + tf.stack([tf.matmul(some, band, transpose_a=True) for some in weighed])

        # One band after the other, or all would be widened at once.
        shape = [1 + len(flat_masks), channels, channels]
        start = (0, tf.zeros(shape, _widened(features[:, :0, :0]).dtype))
        _, total = tf.while_loop(lambda top, _: top < rows, add, start, parallel_iterations=1)
        return (tf.identity(features), total), backward

    return tuple(summed(features))


def mean(total: Tensor, count: Tensor | int) -> Tensor:
    """Return a sum over so many values divided by their number; 0 of none."""
    return total / tf.cast(tf.maximum(count, 1), total.dtype)


def squared_distance(features: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the sum of (F - F_c)^2, a scalar, float32 or wider, of activations of one shape and type.

    ``weight`` (1, h, w, 1), of the same type, says how often each position counts; None: once.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def distance(features: Tensor) -> Tensor:
        # Subtracted in the type of the features: of numbers so close, hardly a bit is lost, and half the memory needed.
        difference = features - target
        weighted = difference if weight is None else difference * weight
        return tf.reduce_sum(
            _widened(difference) * _widened(weighted)
        ), lambda upstream: 2.0 * weighted * tf.cast(upstream, features.dtype)

    return distance(features)


def _widened(values: Tensor) -> Tensor:
    return tf.cast(values, tf.float32) if values.dtype == tf.bfloat16 else values


def content_loss(mean_square: Tensor, form: str, limit: Tensor | None = None) -> Tensor:
    """Return the content loss of one layer, a scalar, from the mean of (F - F_c)^2.

    Beyond ``limit``, also a mean of (F - F_c)^2, its gradient grows steeply, so that the picture hardly moves any
    further from the photo. None: there is no limit.
    """
    loss = _shaped(mean_square, form)
    if limit is None:
        return loss
    # The limit is 0 for a likeness of 1 to a photo that is the painting.
    limit_loss = _shaped(tf.maximum(tf.cast(limit, loss.dtype), _TINY), form)
    excess = tf.nn.relu(loss * tf.math.reciprocal(limit_loss) - 1.0)
    return loss + _STEEPNESS / 2.0 * limit_loss * tf.square(excess)  # its slope is 1 + steepness x excess


def similarity_to_distance(likeness: float, content: float, style: float) -> float:
    """Return the mean of (F - F_c)^2 at which F has the cosine similarity ``likeness`` to the photo's features F_c.

    F comes to match the painting's Gram matrices, so its mean square becomes nearly that of the painting's features
    (0.92 to 0.98 of it at the default settings). With both taken for equal, the cosine rule gives the distance before
    the run.

    Args:
        likeness: the similarity, 0 to 1.
        content: mean square of the photo's features.
        style: mean square of the painting's.
    """
    return content + style - 2.0 * likeness * math.sqrt(content * style)


def _shaped(mean_square: Tensor, form: str) -> Tensor:
    return mean_square if form == "mean" else _quarter(mean_square, form)


class Whitening(NamedTuple):
    """A metric for differences of Gram matrices in which small eigenvalues of the painting's count like large ones.

    With G_s = V diag(l) V^T, the difference D becomes W * (V^T D V), W_ij = ((l_i + l_j) / 2 l_max + 1e-2)^-exponent.
    Nearly all of a deep Gram matrix is one eigenvector, the mean activation; a plain distance sees little else until
    that is right. An exponent of 1/4 is, to first order and up to scale, half way to comparing square roots of Gram
    matrices. Measured in docs/experiments.md.
    """

    basis: Tensor  # (channels, channels)
    factors: Tensor  # (channels, channels)

    def __call__(self, difference: Tensor) -> Tensor:
        """Return the difference (channels, channels) in this metric."""
        return self.factors * tf.matmul(self.basis, tf.matmul(difference, self.basis), transpose_a=True)


def whiten(target: Tensor, exponent: float) -> Whitening:
    """Return the metric of a painting's Gram matrix (channels, channels).

    Raises:
        NotFiniteError: the matrix holds no numbers.
    """
    matrix = target.numpy().astype(np.float64)
    if not np.isfinite(matrix).all():
        raise NotFiniteError(
            "A Gram matrix of the painting is not finite, expected numbers; the weights are damaged or far too large."
        )
    values, basis = np.linalg.eigh(matrix)
    values = np.maximum(values, 0.0) / values.max()
    factors = ((values[:, np.newaxis] + values) / 2.0 + 1e-2) ** -exponent
    return Whitening(tf.constant(basis, tf.float32), tf.constant(factors, tf.float32))


def style_loss(gram_matrix: Tensor, target: Tensor, metric: Whitening | None, form: str) -> Tensor:
    """Return the style loss of one layer from its Gram matrix (channels, channels), a scalar.

    ``metric`` weighs differences by the target; None: all entries count alike.
    """
    difference = gram_matrix - target
    squares = tf.square(difference if metric is None else metric(difference))
    return tf.reduce_mean(squares) if form == "mean" else _quarter(tf.reduce_sum(squares), form)


def combine(layers: list[Tensor], form: str) -> Tensor:
    """Return a whole term, content or style, from the losses of its layers, weights included."""
    total = tf.add_n(layers)
    return tf.sqrt(total + _TINY) if form == "joint" else total


def _quarter(squares: Tensor, form: str) -> Tensor:
    return tf.sqrt(squares / 4.0 + _TINY) if form == "norm" else squares / 4.0


def total_variation(image: Tensor, size: Size, part: Tensor | None = None, border: float = 1.0) -> Tensor:
    """Return the mean squared difference of vertical plus that of horizontal neighbors of (1, h, w, 3) in 0..255.

    Args:
        image: a picture, or a window of one.
        size: of the whole picture, over whose pairs of neighbors the means are taken.
        part: [top, bottom, left, right], int32 (4,): only pairs whose upper or left pixel lies in it; None: all.
        border: how many times the three outermost steps count, from the picture's edge inwards.
    """
    down = right = image
    rows = columns = (True, True)
    if part is not None:
        down = image[:, part[0] : part[1] + 1, part[2] : part[3]]
        right = image[:, part[0] : part[1], part[2] : part[3] + 1]
        # An owned part reaches to the end of its window only where the picture ends, too.
        _, bottom, end, _ = tf.unstack(tf.shape(image))
        rows, columns = (part[0] == 0, part[1] == bottom), (part[2] == 0, part[3] == end)
    width, height = size
    return (
        mean(_squared_steps(down, 1, rows, border), 3 * (height - 1) * width)
        + mean(_squared_steps(right, 2, columns, border), 3 * height * (width - 1))
    )  # fmt: skip


def range_loss(image: Tensor, size: Size, part: Tensor | None = None) -> Tensor:
    """Return the mean squared depth of the values of (1, h, w, 3) in the last ten levels at either end of 0..255.

    Clipping to 0..255 collects values at the ends of the range, where hardly a painting has any.

    Args:
        image: a picture, or a window of one.
        size: of the whole picture, over whose values the mean is taken.
        part: [top, bottom, left, right], int32 (4,): only pixels in it; None: all.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def squares(image: Tensor) -> Tensor:
        def depth() -> Tensor:
            return tf.nn.relu(image - (255.0 - _MARGIN)) - tf.nn.relu(_MARGIN - image)

        # Computed again for the gradient: kept, it would be another picture in memory.
        return tf.reduce_sum(tf.square(depth())), lambda upstream: 2.0 * upstream * depth()

    return mean(squares(inside(image, part)), 3 * size.pixels)


def _squared_steps(image: Tensor, axis: int, ends: tuple[Tensor | bool, Tensor | bool], border: float) -> Tensor:
    """Return the sum of squared differences of neighbors along ``axis``, a scalar.

    The outermost steps count ``border`` times at those ``ends`` that are the picture's. The gradient written here takes
    a third of the time of the one that TensorFlow derives.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def steps(image: Tensor) -> Tensor:
        before, after = (image[:, :-1], image[:, 1:]) if axis == 1 else (image[:, :, :-1], image[:, :, 1:])
        difference = after - before
        weighted = difference
        if border != 1.0:
            number = tf.shape(difference)[axis]
            place = tf.range(number)
            outer = ((place < _BORDER) & ends[0]) | ((place >= number - _BORDER) & ends[1])
            weights = tf.where(outer, tf.constant(border, image.dtype), tf.constant(1.0, image.dtype))
            weighted = difference * tf.reshape(weights, [-1, 1, 1] if axis == 1 else [-1, 1])

        def backward(upstream: Tensor) -> Tensor:
            gradient = 2.0 * upstream * weighted
            pads = [[[int(side == end and number == axis) for side in (0, 1)] for number in range(4)] for end in (0, 1)]
            return tf.pad(gradient, pads[0]) - tf.pad(gradient, pads[1])

        return tf.reduce_sum(difference * weighted), backward

    return steps(image)
