"""The objective: a picture -> its losses and their gradient. One callable, the same for every optimiser."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from neurotransfer.system.tensorflow import tf
from neurotransfer.system.types import Array
from neurotransfer.transfer.losses import (
    combined,
    content_loss,
    distance_of,
    extremes,
    second_moment,
    squared_distance,
    style_loss,
    total_variation,
    whitening,
)
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.tiles import Owned, Tile, plan_tiles, positions, stride
from neurotransfer.vgg.network import VGG19, Tensor

_STYLE_WINDOW = 500_000
"""Pixels of the painting seen at once: its features are needed only once, and whole they would fill the memory."""


class Losses(NamedTuple):
    """The terms of the total loss, weights included."""

    content: float
    style: float
    tv: float
    extremes: float = 0.0

    @property
    def total(self) -> float:
        """Return the sum of the terms: what is minimised."""
        return self.content + self.style + self.tv + self.extremes


class Evaluation(NamedTuple):
    """A picture (H, W, 3) with its losses and, where asked for, d total / d pixel of the same shape."""

    image: Array
    losses: Losses
    gradient: Array | None


class _Summary(NamedTuple):
    """All that the losses need to know of a picture, or a tile's share of it: shares add up to the whole."""

    content: tuple[Tensor, ...]
    """Mean squared distance to the photo's features, a scalar for each content layer."""
    grams: tuple[Tensor, ...]
    """Gram matrix, (channels, channels), for each style layer."""
    variation: Tensor
    """Total variation, a scalar."""
    extremes: Tensor
    """Values near the ends of the range, a scalar."""


class _Views(NamedTuple):
    """The same picture three times, for terms whose derivatives are then added here, in an order of ours.

    TensorFlow begins a sum of three with whichever buffer it can reuse, so that the last bit would differ from one
    process to the next, and with it a resumed run's picture from the unbroken one's.
    """

    network: Tensor
    variation: Tensor
    extremes: Tensor

    @classmethod
    def of(cls, image: Tensor) -> Self:
        return cls(*(tf.identity(image) for _ in cls._fields))

    @staticmethod
    def added(slopes: tuple[Tensor | None, ...]) -> Tensor:
        total, *others = (slope for slope in slopes if slope is not None)
        for slope in others:
            total += slope
        return total


class Objective:
    """The losses of pictures of one size against one photo and one painting.

    ``objective(image)`` takes float32 (H, W, 3), RGB around 0..255, of the photo's size, and returns an `Evaluation`.
    The targets, content features and style Gram matrices, are computed once.

    A picture of more than ``most_pixels`` is evaluated in tiles (`tiles`), exactly, in two passes. The
    first adds up the summaries of the tiles; with it the losses and their derivative with respect to every entry of
    the summary are known. The second sends that derivative back through each tile and adds up the windows' gradients.
    """

    def __init__(
        self, network: VGG19, settings: Settings, content: Array, style: Array, most_pixels: int | None = None
    ) -> None:
        self._network = network
        self._settings = settings
        self._content_layers = tuple(dict(settings.content_layers))
        self._style_layers = tuple(dict(settings.style_layers))
        self._layers = tuple(dict.fromkeys(self._content_layers + self._style_layers))
        self._size = content.shape[:2]
        self._tiles = self._plan(content, most_pixels)
        self._content_targets = [self._content_features(content, tile) for tile in self._tiles]
        self._gram_targets, strengths = self._painting_targets(style, min(most_pixels or _STYLE_WINDOW, _STYLE_WINDOW))
        self._limits = self._content_limits(strengths) if settings.likeness else [None] * len(self._content_layers)
        self._metrics = [
            whitening(target, settings.whitening) if settings.whitening else None for target in self._gram_targets
        ]
        # Tiles differ in the sizes of the parts that they own: with these left open, one graph serves them all.
        window = tf.TensorSpec([1, *content[self._tiles[0].window].shape], tf.float32)
        targets = [tf.TensorSpec([1, None, None, t.shape[-1]], t.dtype) for t in self._content_targets[0]]
        tile = (window, targets, tf.TensorSpec([4], tf.int32))
        scalar = tf.TensorSpec([], tf.float32)
        grams = tuple(tf.TensorSpec(target.shape, tf.float32) for target in self._gram_targets)
        summary = _Summary((scalar,) * len(self._content_layers), grams, scalar, scalar)
        self._value = tf.function(self._whole_terms, [window], autograph=False)
        self._value_and_gradient = tf.function(self._whole_terms_and_gradient, [window], autograph=False)
        self._tile_summary = tf.function(self._share, tile, autograph=False)
        self._terms_and_slopes = tf.function(self._differentiated, [summary], autograph=False)
        self._tile_gradient = tf.function(self._sent_back, [*tile, summary], autograph=False)

    def __call__(self, image: Array, *, gradient: bool = True) -> Evaluation:
        """Evaluate ``image``; without ``gradient`` at a third of the cost."""
        slope: Array | None = None
        if len(self._tiles) > 1:
            terms, slope = self._in_tiles(image, gradient)
        elif gradient:
            terms, tensor = self._value_and_gradient(_batch(image))
            slope = tensor.numpy()[0]
        else:
            terms = self._value(_batch(image))
        return Evaluation(image, Losses(*terms.numpy().tolist()), slope)

    def _in_tiles(self, image: Array, gradient: bool) -> tuple[Tensor, Array | None]:
        inputs = [
            (tile.window, (targets, tf.constant(tile.owned)))
            for tile, targets in zip(self._tiles, self._content_targets, strict=True)
        ]
        summary: _Summary | None = None
        for window, rest in inputs:
            share = self._tile_summary(_batch(image[window]), *rest)
            summary = share if summary is None else tf.nest.map_structure(tf.add, summary, share)
        terms, slopes = self._terms_and_slopes(summary)
        if not gradient:
            return terms, None
        slope = np.zeros_like(image)
        for window, rest in inputs:
            slope[window] += self._tile_gradient(_batch(image[window]), *rest, slopes).numpy()[0]
        return terms, slope

    def _plan(self, picture: Array, most_pixels: int | None) -> list[Tile]:
        height, width = picture.shape[:2]
        return plan_tiles((width, height), self._layers, most_pixels)

    def _content_features(self, photo: Array, tile: Tile) -> list[Tensor | NDArray[Any]]:
        features = self._network(_batch(photo[tile.window]), self._content_layers)
        targets = [_inside(features[name], _owned_positions(tile.owned, name)) for name in self._content_layers]
        if len(self._tiles) == 1:
            return targets
        # As arrays: among the network's passing results they would leave holes that nothing large fits into.
        return [target.numpy().copy() for target in targets]

    def _painting_targets(self, painting: Array, most_pixels: int) -> tuple[list[Tensor], list[float]]:
        """Return the painting's Gram matrices, and the mean squares of its features at the content layers."""
        grams: dict[str, Tensor] = {}
        strengths = dict.fromkeys(self._content_layers if self._settings.likeness else (), 0.0)
        size = painting.shape[:2]
        for tile in self._plan(painting, most_pixels):
            # A layer's Gram matrix is taken when the network comes by: all features at once would fill the memory.
            def tap(name: str, features: Tensor, owned: Owned = tile.owned) -> Tensor:
                part = _owned_positions(owned, name)
                if name in self._style_layers:
                    share = _gram_share(features, size, name, part)[1]
                    grams[name] = grams[name] + share if name in grams else share
                if name in strengths:
                    strengths[name] += _strength(_inside(features, part), size, name)
                return features

            self._network(_batch(painting[tile.window]), self._layers if strengths else self._style_layers, tap)
        return [grams[name] for name in self._style_layers], [strengths[name] for name in strengths]

    def _content_limits(self, painting: list[float]) -> list[float | None]:
        """Return, for each content layer, the mean squared distance beyond which content counts steeply."""
        photo = [
            sum(_strength(target, self._size, name) for target in targets)
            for name, targets in zip(self._content_layers, zip(*self._content_targets, strict=True), strict=True)
        ]
        return [distance_of(self._settings.likeness, *strengths) for strengths in zip(photo, painting, strict=True)]

    def _summary(self, views: _Views, targets: list[Tensor | NDArray[Any]], owned: Tensor | None) -> _Summary:
        """Return the share of the owned part of a window (1, h, w, 3); None: all of it is owned."""
        settings = self._settings
        squares: dict[str, Tensor] = {}
        grams: dict[str, Tensor] = {}

        def tap(name: str, features: Tensor) -> Tensor:
            part = None if owned is None else _owned_positions(owned, name)
            if name in self._style_layers:
                features, grams[name] = _gram_share(features, self._size, name, part)
            if name in self._content_layers:
                target = targets[self._content_layers.index(name)]
                entries = float(positions(self._size, name) * target.shape[-1])
                squares[name] = squared_distance(_inside(features, part), target) / entries
            return features

        self._network(views.network, self._layers, tap)
        return _Summary(
            tuple(squares[name] for name in self._content_layers),
            tuple(grams[name] for name in self._style_layers),
            total_variation(views.variation, self._size, owned, settings.frame_smoothing)
            if settings.tv_weight
            else tf.constant(0.0),
            extremes(views.extremes, self._size, owned) if settings.extremes_weight else tf.constant(0.0),
        )

    def _share(self, window: Tensor, targets: list[Tensor], owned: Tensor) -> _Summary:
        """Return the share of a tile in the summary."""
        return self._summary(_Views.of(window), targets, owned)

    def _terms(self, summary: _Summary) -> Tensor:
        """Return the `Losses`, weighted, float32 (4,)."""
        settings, form = self._settings, self._settings.objective
        content = [
            weight * content_loss(mean_square, form, limit)
            for (_, weight), mean_square, limit in zip(
                settings.content_layers, summary.content, self._limits, strict=True
            )
        ]
        style = [
            weight * style_loss(found, target, form, metric)
            for (_, weight), found, target, metric in zip(
                settings.style_layers, summary.grams, self._gram_targets, self._metrics, strict=True
            )
        ]
        return tf.stack(
            [
                settings.content_weight * combined(content, form),
                settings.style_weight * combined(style, form),
                settings.tv_weight * summary.variation,
                settings.extremes_weight * summary.extremes,
            ]
        )

    def _whole_terms(self, image: Tensor) -> Tensor:
        return self._terms(self._summary(_Views.of(image), self._content_targets[0], None))

    def _whole_terms_and_gradient(self, image: Tensor) -> tuple[Tensor, Tensor]:
        with tf.GradientTape() as tape:
            views = _Views.of(image)
            tape.watch(views)
            terms = self._terms(self._summary(views, self._content_targets[0], None))
            total = tf.reduce_sum(terms)
        return terms, views.added(tape.gradient(total, views))

    def _differentiated(self, summary: _Summary) -> tuple[Tensor, _Summary]:
        """Return the terms, and the derivative of the total with respect to every entry of ``summary``."""
        with tf.GradientTape() as tape:
            tape.watch(summary)
            terms = self._terms(summary)
            total = tf.reduce_sum(terms)
        return terms, tape.gradient(total, summary, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def _sent_back(self, window: Tensor, targets: list[Tensor], owned: Tensor, slopes: _Summary) -> Tensor:
        """Return d total / d pixel of ``window``, as far as it comes from the part that it owns."""
        with tf.GradientTape() as tape:
            views = _Views.of(window)
            tape.watch(views)
            share = self._summary(views, targets, owned)
            products = tf.nest.map_structure(lambda value, slope: tf.reduce_sum(value * slope), share, slopes)
            total = tf.add_n(tf.nest.flatten(products))
        return views.added(tape.gradient(total, views))


def _batch(picture: Array) -> Tensor:
    return tf.constant(picture[np.newaxis])


def _owned_positions(owned: Owned | Tensor, layer: str) -> Tensor:
    """Return the part of a layer's features over ``owned`` pixels; the last position may stand for fewer of them."""
    step = stride(layer)
    return -(-tf.convert_to_tensor(owned, tf.int32) // step)


def _inside(features: Tensor, part: Tensor | None) -> Tensor:
    return features if part is None else features[:, part[0] : part[1], part[2] : part[3]]


def _strength(features: Tensor | NDArray[Any], size: tuple[int, ...], layer: str) -> float:
    """Return the share of ``features`` in the mean square of a layer's features for a picture of ``size``."""
    squares = squared_distance(tf.convert_to_tensor(features), tf.zeros([], features.dtype))
    return float(squares) / (int(features.shape[-1]) * positions(size, layer))


def _gram_share(features: Tensor, size: tuple[int, ...], layer: str, part: Tensor | None) -> tuple[Tensor, Tensor]:
    features, moment = second_moment(features, part)
    return features, moment / float(positions(size, layer) * features.shape[-1])
