"""The objective: a picture -> its losses and their gradient. One callable, the same for every optimizer.

`LossGraphs` are the formulas, without any picture: photo, painting and weights are handed to them. One set of graphs
serves every photo and every painting at any size. `Objective` binds a set of graphs to its targets.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from neurotransfer.system.array import Array
from neurotransfer.system.size import Size
from neurotransfer.system.tensorflow import forgotten_gradients
from neurotransfer.transfer.evaluation import Evaluation, Losses
from neurotransfer.transfer.losses import similarity_to_distance
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.targets import ContentTargets, StyleTargets, batch
from neurotransfer.transfer.terms import PIXELS, TERMS, Region, Term, View, active_terms, region_layers
from neurotransfer.transfer.tiles import Tile
from neurotransfer.vgg.network import VGG19, Tensor

Measures = dict[str, tuple[Tensor, ...]]
"""What the terms measured of a picture, or a tile's share of it, by term and layer."""
Targets = dict[str, tuple[Any, ...]]
"""What the measures of the whole picture are compared with, by term and layer."""


class Features(NamedTuple):
    """What is known of the photo in the owned part of a tile."""

    content: dict[str, Any]
    """Its features and how much each position counts, by content layer."""
    masks: dict[str, Any]
    """Those of its regions, by style layer."""


_NO_LIMIT = 1e30
"""Mean of squared differences that no picture reaches."""


_PROTECTED_ROOM = 1 / 2
"""Mean of squared differences that protected places may have, relative to that of others."""


class Weights(NamedTuple):
    """How much the terms and their layers count, float32 tensors."""

    terms: Tensor
    """(terms,), of those that are switched on."""
    layers: tuple[tuple[Tensor, ...], ...]
    """For each of them, of its layers: a scalar, or for the style one of the whole picture and of each region."""


class LossGraphs:
    """The losses of pictures as TensorFlow graphs, traced when they are first needed.

    They depend on which terms and layers ``settings`` has, but neither on their weights nor on the picture's size.
    A picture of one tile is evaluated at once. More tiles are evaluated exactly in two passes. The first adds
    up what the terms measure of each tile; from the sum follow the losses and their gradient by every measure. The
    second sends that gradient back through each tile and adds up the windows' gradients.
    """

    def __init__(self, network: VGG19, settings: Settings) -> None:
        self.traces = 0
        """How often a graph was traced."""
        self._network = network
        self._settings = settings
        self.terms = active_terms(settings)
        self._of_layers = [term for term in self.terms if term.layers]
        self._of_pixels = [term for term in self.terms if not term.layers]
        self._layers = tuple(dict.fromkeys(name for term in self._of_layers for name in term.places(settings)))
        self.losses = self._graph(self._losses)
        self.losses_and_gradient = self._graph(self._losses_and_gradient)
        self.losses_by_measure = self._graph(self._losses_by_measure)
        self.tile_measures = self._graph(self._tile_measures)
        self.tile_gradient = self._graph(self._tile_gradient)

    def _graph(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.traces += 1
            with forgotten_gradients():
                return function(*arguments)

        graph: Callable[..., Any] | None = None

        def call(*arguments: Any) -> Any:
            nonlocal graph
            if graph is None:  # heights and widths are left open: one graph serves them all
                graph = tf.function(counted, tf.nest.map_structure(_open_spec, arguments), autograph=False)
            return graph(*arguments)

        return call

    def _views(self, image: Tensor) -> list[Tensor]:
        """Return the picture once for the network and once for each term that reads pixels.

        Their gradients are added by `_sum`, in this order. TensorFlow would begin a sum of three with whichever buffer
        it can reuse: the last bit would differ from one process to the next, and a resumed run from the unbroken one.
        """
        return [tf.identity(image) for _ in (self._network, *self._of_pixels)]

    def _measure(self, views: list[Tensor], size: Tensor, features: Features, owned: Tensor | None) -> Measures:
        settings, region = self._settings, Region(Size(*tf.unstack(size)), owned)
        found: dict[tuple[str, str], Tensor] = {}

        def hook(name: str, values: Tensor) -> Tensor:
            for term in self._of_layers:
                if name in term.places(settings):
                    target = features.content[name] if term.target == "content" else None
                    masks = features.masks.get(name) if term.target == "style" else None
                    view = View(name, region, settings, target, masks)
                    values, found[term.name, name] = term.measure(values, view)
            return values

        if self._layers:
            self._network(views[0], self._layers, hook)
        for term, view in zip(self._of_pixels, views[1:], strict=True):
            found[term.name, PIXELS] = term.measure(view, View(PIXELS, region, settings))[1]
        return {term.name: tuple(found[term.name, name] for name in term.places(settings)) for term in self.terms}

    def _weighted(self, measures: Measures, targets: Targets, weights: Weights) -> Tensor:
        """Return the terms that are switched on, weighted, float32 (terms,)."""
        rows = zip(self.terms, weights.layers, strict=True)
        losses = [term.loss(measures[term.name], targets[term.name], layers, self._settings) for term, layers in rows]
        return weights.terms * tf.stack(losses)

    def _losses(self, image: Tensor, size: Tensor, features: Features, targets: Targets, weights: Weights) -> Tensor:
        return self._weighted(self._measure(self._views(image), size, features, None), targets, weights)

    def _losses_and_gradient(
        self, image: Tensor, size: Tensor, features: Features, targets: Targets, weights: Weights
    ) -> tuple[Tensor, Tensor]:
        with tf.GradientTape() as tape:
            views = self._views(image)
            tape.watch(views)
            terms = self._weighted(self._measure(views, size, features, None), targets, weights)
            total = tf.reduce_sum(terms)
        return terms, _sum(tape.gradient(total, views))

    def _tile_measures(self, window: Tensor, size: Tensor, features: Features, owned: Tensor) -> Measures:
        """Return a tile's share of the measures, from its window (1, h, w, 3)."""
        return self._measure(self._views(window), size, features, owned)

    def _losses_by_measure(self, measures: Measures, targets: Targets, weights: Weights) -> tuple[Tensor, Measures]:
        """Return the terms, and the gradient of their total by every measure."""
        with tf.GradientTape() as tape:
            tape.watch(measures)
            terms = self._weighted(measures, targets, weights)
            total = tf.reduce_sum(terms)
        return terms, tape.gradient(total, measures, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def _tile_gradient(
        self, window: Tensor, size: Tensor, features: Features, owned: Tensor, by_measure: Measures
    ) -> Tensor:
        """Return the gradient (1, h, w, 3) of what a tile owns, from the gradient of the total by the measures."""
        with tf.GradientTape() as tape:
            views = self._views(window)
            tape.watch(views)
            shares = self._measure(views, size, features, owned)
            products = tf.nest.map_structure(lambda share, by: tf.reduce_sum(share * by), shares, by_measure)
            total = tf.add_n(tf.nest.flatten(products))
        return _sum(tape.gradient(total, views))


class Objective:
    """The losses of pictures of one size against one photo and one painting.

    ``objective(image)`` takes float32 (H, W, 3), RGB around 0..255, of the photo's size, and returns an `Evaluation`.
    """

    def __init__(
        self,
        graphs: LossGraphs,
        settings: Settings,
        tiles: Sequence[Tile],
        content: ContentTargets,
        style: StyleTargets,
    ) -> None:
        """Bind the graphs; ``settings`` may weigh terms and layers otherwise than those that they were made for."""
        self._graphs, self._tiles = graphs, tuple(tiles)
        self._terms = [term.name for term in graphs.terms]
        self._size = tf.constant(content.size, tf.int64)
        layers = dict(settings.content_layers)
        self._features = [
            Features(dict(zip(layers, found, strict=True)), masks)
            for found, masks in zip(content.features, content.masks, strict=True)
        ]
        limits = [_NO_LIMIT for _ in settings.content_layers]
        if settings.likeness:
            pairs = zip(content.strengths, style.strengths, strict=True)
            room = 1.0 + _PROTECTED_ROOM * content.surplus
            limits = [room * similarity_to_distance(settings.likeness, *pair) for pair in pairs]
        tensors = tuple(tf.constant(limit, tf.float32) for limit in limits)
        self._targets: Targets = dict.fromkeys(self._terms, ()) | style.measures
        if "content" in self._targets:
            self._targets["content"] = tensors
        self._weights = Weights(
            tf.constant([term.weight_of(settings) for term in graphs.terms], tf.float32),
            tuple(tuple(_region_weights(term, settings, content.shares)) for term in graphs.terms),
        )

    def __call__(self, image: Array, *, gradient: bool = True) -> Evaluation:
        """Evaluate ``image``; without ``gradient`` at a third of the cost."""
        found: Array | None = None
        if not self._terms:  # every weight is 0
            return Evaluation(image, Losses({term.name: 0.0 for term in TERMS}), np.zeros_like(image))
        whole = self._size, self._features[0], self._targets, self._weights
        if len(self._tiles) > 1:
            terms, found = self._in_tiles(image, gradient)
        elif gradient:
            terms, tensor = self._graphs.losses_and_gradient(batch(image), *whole)
            found = tensor.numpy()[0]
        else:
            terms = self._graphs.losses(batch(image), *whole)
        values = dict(zip(self._terms, terms.numpy().tolist(), strict=True))
        return Evaluation(image, Losses({term.name: values.get(term.name, 0.0) for term in TERMS}), found)

    def _in_tiles(self, image: Array, gradient: bool) -> tuple[Tensor, Array | None]:
        graphs = self._graphs
        measures: Measures | None = None
        for tile, features in self._inputs():
            share = graphs.tile_measures(batch(image[tile.window]), self._size, features, tf.constant(tile.owned))
            measures = share if measures is None else tf.nest.map_structure(tf.add, measures, share)
        terms, by_measure = graphs.losses_by_measure(measures, self._targets, self._weights)
        if not gradient:
            return terms, None
        found = np.zeros_like(image)
        for tile, features in self._inputs():
            window, owned = batch(image[tile.window]), tf.constant(tile.owned)
            found[tile.window] += graphs.tile_gradient(window, self._size, features, owned, by_measure).numpy()[0]
        return terms, found

    def _inputs(self) -> Iterator[tuple[Tile, Features]]:
        """Yield each tile and the photo's features in it."""
        return zip(self._tiles, self._features, strict=True)


def _region_weights(term: Term, settings: Settings, shares: Sequence[float]) -> Iterator[Tensor]:
    """Yield the weight of each layer of a term; those of the style are divided among the picture and its regions."""
    if not term.layers:
        return
    apart, split = settings.by_brightness, region_layers(settings) if shares else ()
    for name, weight in zip(term.places(settings), term.layer_weights(settings), strict=True):
        parts = [1.0 - apart, *(apart * share for share in shares)] if name in split else [1.0]
        yield tf.constant([weight * part for part in parts] if term.target == "style" else weight, tf.float32)


def _open_spec(value: Any) -> Any:
    """Return the signature of an array or tensor; a picture's or its features' height and width may be any."""
    open_shape = [1, None, None, value.shape[-1]] if len(value.shape) == 4 else value.shape
    return tf.TensorSpec(open_shape, value.dtype)


def _sum(gradients: list[Tensor | None]) -> Tensor:
    total, *others = (gradient for gradient in gradients if gradient is not None)
    for gradient in others:
        total += gradient
    return total
