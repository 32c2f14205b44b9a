"""The objective: a picture -> its losses and their gradient. One callable, the same for every optimizer.

`LossGraphs` are the formulas, without any picture: photo and painting are handed to them as targets. One set of graphs
serves every photo and every painting at the same size. `Objective` binds a set of graphs to its targets.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from neurotransfer.system.array import Array
from neurotransfer.system.size import Size
from neurotransfer.system.tensorflow import forgotten_gradients
from neurotransfer.transfer.evaluation import Evaluation, Losses
from neurotransfer.transfer.losses import similarity_to_distance
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.targets import ContentTargets, StyleTargets, batch
from neurotransfer.transfer.terms import PIXELS, TERMS, Region, View, active_terms
from neurotransfer.transfer.tiles import Tile
from neurotransfer.vgg.network import VGG19, Tensor

Measures = dict[str, tuple[Tensor, ...]]
"""What the terms measured of a picture, or a tile's share of it, by term and layer."""
Features = dict[str, Any]
"""The photo's features in the owned part of a tile, by content layer."""
Targets = dict[str, tuple[Any, ...]]
"""What the measures of the whole picture are compared with, by term and layer."""


class LossGraphs:
    """The losses of pictures of one size and settings as TensorFlow graphs, traced when they are first needed.

    A picture of one tile is evaluated at once. More tiles (`tiles`) are evaluated exactly in two passes. The first adds
    up what the terms measure of each tile; from the sum follow the losses and their gradient by every measure. The
    second sends that gradient back through each tile and adds up the windows' gradients.
    """

    def __init__(self, network: VGG19, settings: Settings, size: Size, tiles: Sequence[Tile]) -> None:
        self.tiles = tuple(tiles)
        self.traces = 0
        """How often a graph was traced."""
        self._network = network
        self._settings = settings
        self._size = size
        self._terms = active_terms(settings)
        self._of_layers = [term for term in self._terms if term.layers]
        self._of_pixels = [term for term in self._terms if not term.layers]
        self._layers = tuple(dict.fromkeys(name for term in self._of_layers for name in term.places(settings)))
        self.losses = self._graph(self._losses)
        self.losses_and_gradient = self._graph(self._losses_and_gradient)
        self.losses_by_measure = self._graph(self._losses_by_measure)
        self._of_tiles: Callable[..., Any] | None = None
        self._gradient_of_tiles: Callable[..., Any] | None = None

    def tile_measures(self, window: Tensor, features: Features, owned: Tensor) -> Measures:
        """Return a tile's share of the measures, from its window (1, h, w, 3)."""
        if self._of_tiles is None:
            signature = [_spec(window), _open_specs(features), _spec(owned)]
            self._of_tiles = self._graph(self._tile_measures, signature)
        measures: Measures = self._of_tiles(window, features, owned)
        return measures

    def tile_gradient(self, window: Tensor, features: Features, owned: Tensor, by_measure: Measures) -> Tensor:
        """Return the gradient (1, h, w, 3) of what a tile owns, from the gradient of the total by the measures."""
        if self._gradient_of_tiles is None:
            signature = [_spec(window), _open_specs(features), _spec(owned), tf.nest.map_structure(_spec, by_measure)]
            self._gradient_of_tiles = self._graph(self._tile_gradient, signature)
        return self._gradient_of_tiles(window, features, owned, by_measure)

    def _graph(self, function: Callable[..., Any], signature: list[Any] | None = None) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.traces += 1
            with forgotten_gradients():
                return function(*arguments)

        graph: Callable[..., Any] = tf.function(counted, signature, autograph=False)
        return graph

    def _views(self, image: Tensor) -> list[Tensor]:
        """Return the picture once for the network and once for each term that reads pixels.

        Their gradients are added by `_sum`, in this order. TensorFlow would begin a sum of three with whichever buffer
        it can reuse: the last bit would differ from one process to the next, and a resumed run from the unbroken one.
        """
        return [tf.identity(image) for _ in (self._network, *self._of_pixels)]

    def _measure(self, views: list[Tensor], features: Features, owned: Tensor | None) -> Measures:
        settings, region = self._settings, Region(self._size, owned)
        found: dict[tuple[str, str], Tensor] = {}

        def hook(name: str, values: Tensor) -> Tensor:
            for term in self._of_layers:
                if name in term.places(settings):
                    target = features[name] if term.target == "content" else None
                    values, found[term.name, name] = term.measure(values, View(name, region, settings, target))
            return values

        if self._layers:
            self._network(views[0], self._layers, hook)
        for term, view in zip(self._of_pixels, views[1:], strict=True):
            found[term.name, PIXELS] = term.measure(view, View(PIXELS, region, settings))[1]
        return {term.name: tuple(found[term.name, name] for name in term.places(settings)) for term in self._terms}

    def _weighted(self, measures: Measures, targets: Targets) -> Tensor:
        """Return the terms that are switched on, weighted, float32 (terms,)."""
        return tf.stack(
            [
                term.weight_of(self._settings) * term.loss(measures[term.name], targets[term.name], self._settings)
                for term in self._terms
            ]
        )

    def _losses(self, image: Tensor, features: Features, targets: Targets) -> Tensor:
        return self._weighted(self._measure(self._views(image), features, None), targets)

    def _losses_and_gradient(self, image: Tensor, features: Features, targets: Targets) -> tuple[Tensor, Tensor]:
        with tf.GradientTape() as tape:
            views = self._views(image)
            tape.watch(views)
            terms = self._weighted(self._measure(views, features, None), targets)
            total = tf.reduce_sum(terms)
        return terms, _sum(tape.gradient(total, views))

    def _tile_measures(self, window: Tensor, features: Features, owned: Tensor) -> Measures:
        return self._measure(self._views(window), features, owned)

    def _losses_by_measure(self, measures: Measures, targets: Targets) -> tuple[Tensor, Measures]:
        """Return the terms, and the gradient of their total by every measure."""
        with tf.GradientTape() as tape:
            tape.watch(measures)
            terms = self._weighted(measures, targets)
            total = tf.reduce_sum(terms)
        return terms, tape.gradient(total, measures, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def _tile_gradient(self, window: Tensor, features: Features, owned: Tensor, gradients: Measures) -> Tensor:
        with tf.GradientTape() as tape:
            views = self._views(window)
            tape.watch(views)
            shares = self._measure(views, features, owned)
            products = tf.nest.map_structure(lambda share, by: tf.reduce_sum(share * by), shares, gradients)
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
        content: ContentTargets,
        style: StyleTargets,
    ) -> None:
        self._graphs = graphs
        self._terms = [term.name for term in active_terms(settings)]
        self._features = [dict(zip(dict(settings.content_layers), found, strict=True)) for found in content.features]
        limits: tuple[Any, ...] = (None,) * len(settings.content_layers)
        if settings.likeness:
            pairs = zip(content.strengths, style.strengths, strict=True)
            limits = tuple(tf.constant(similarity_to_distance(settings.likeness, *pair), tf.float32) for pair in pairs)
        self._targets: Targets = dict.fromkeys(self._terms, ()) | {"content": limits} | style.measures

    def __call__(self, image: Array, *, gradient: bool = True) -> Evaluation:
        """Evaluate ``image``; without ``gradient`` at a third of the cost."""
        found: Array | None = None
        if not self._terms:  # every weight is 0
            return Evaluation(image, Losses({term.name: 0.0 for term in TERMS}), np.zeros_like(image))
        if len(self._graphs.tiles) > 1:
            terms, found = self._in_tiles(image, gradient)
        elif gradient:
            terms, tensor = self._graphs.losses_and_gradient(batch(image), self._features[0], self._targets)
            found = tensor.numpy()[0]
        else:
            terms = self._graphs.losses(batch(image), self._features[0], self._targets)
        values = dict(zip(self._terms, terms.numpy().tolist(), strict=True))
        return Evaluation(image, Losses({term.name: values.get(term.name, 0.0) for term in TERMS}), found)

    def _in_tiles(self, image: Array, gradient: bool) -> tuple[Tensor, Array | None]:
        graphs = self._graphs
        measures: Measures | None = None
        for tile, features in self._inputs():
            share = graphs.tile_measures(batch(image[tile.window]), features, tf.constant(tile.owned))
            measures = share if measures is None else tf.nest.map_structure(tf.add, measures, share)
        terms, by_measure = graphs.losses_by_measure(measures, self._targets)
        if not gradient:
            return terms, None
        found = np.zeros_like(image)
        for tile, features in self._inputs():
            window, owned = batch(image[tile.window]), tf.constant(tile.owned)
            found[tile.window] += graphs.tile_gradient(window, features, owned, by_measure).numpy()[0]
        return terms, found

    def _inputs(self) -> Iterator[tuple[Tile, Features]]:
        """Yield each tile and the photo's features in it."""
        return zip(self._graphs.tiles, self._features, strict=True)


def _spec(tensor: Any) -> Any:
    return tf.TensorSpec(tensor.shape, tensor.dtype)


def _open_specs(features: Features) -> dict[str, Any]:
    """Leave height and width open: tiles own parts of different sizes, and one graph serves them all."""
    return {name: tf.TensorSpec([1, None, None, part.shape[-1]], part.dtype) for name, part in features.items()}


def _sum(gradients: list[Tensor | None]) -> Tensor:
    total, *others = (gradient for gradient in gradients if gradient is not None)
    for gradient in others:
        total += gradient
    return total
