"""What pictures share: networks, graphs and style targets, made when they are first needed and kept for the next job.

A caller who paints many pictures makes one `Session` and hands it to every `stylize`. A picture of a size, settings and
style that were seen before then loads no weights, traces no graph and evaluates no painting.
"""

import gc
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from neurotransfer.system.array import Array
from neurotransfer.system.errors import InputError
from neurotransfer.system.size import size_of
from neurotransfer.transfer.brightness import brightness_masks
from neurotransfer.transfer.content_map import content_map
from neurotransfer.transfer.evaluation import Evaluate
from neurotransfer.transfer.levels import levels_of
from neurotransfer.transfer.plan import Plan
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.tiles import plan_style_tiles
from neurotransfer.vgg.weights import Weights, WeightsFile, load_weights

if TYPE_CHECKING:  # TensorFlow waits until a network is needed
    from neurotransfer.transfer.objective import LossGraphs, Objective
    from neurotransfer.transfer.targets import StyleTargets
    from neurotransfer.vgg.network import VGG19

MAX_NETWORKS = 2
"""Networks kept; each takes up to 0.1 GB."""
MAX_GRAPHS = 4
"""Graphs kept for a network, of different terms or layers; each takes a few MB."""
MAX_STYLES = 64
"""Style targets kept for a network; each takes a few MB."""

Value = TypeVar("Value")


class _Recent(Generic[Value]):
    """The values used last, by key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of ``key``; make it if it is not there, and drop the one that was not used for longest."""
        if key not in self._values:
            self._values[key] = make()
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]

    def __iter__(self) -> Iterator[Value]:
        return iter(self._values.values())


class _Kept(NamedTuple):
    network: "VGG19"
    graphs: "_Recent[LossGraphs]"
    styles: "_Recent[StyleTargets]"


class Session:
    """Networks, graphs and style targets for any number of pictures with the same weights, one picture at a time.

    Args:
        weights: loaded weights, a path, ``"builtin"``, ``"full"``, or None for those that `find_weights` finds.
    """

    def __init__(self, weights: Weights | str | Path | None = None) -> None:
        self._given = weights if isinstance(weights, Weights) else None
        self._choice = None if isinstance(weights, Weights) else weights
        self._loaded = self._given
        self._source = self._given.source if self._given else None
        self._layers = tuple(self._given.layers) if self._given else ()
        self._kept: _Recent[_Kept] = _Recent(MAX_NETWORKS)

    def load_weights(self, layers: tuple[str, ...]) -> WeightsFile:
        """Read the weights of ``layers`` unless they were read before; return which they are. Loads no TensorFlow.

        Raises:
            InputError: they are missing, damaged, or not those of VGG-19.
        """
        if self._source is None or not set(layers) <= set(self._layers):
            self._weights(layers)
        assert self._source is not None
        return self._source

    def objective(
        self, settings: Settings, plan: Plan, content: Array, style: Array, protected: Array | None = None
    ) -> Evaluate:
        """Return the losses for a photo and a painting, float32 (H, W, 3) in 0..255, at one scale of the plan.

        ``protected`` is the mask of a `Protection`.
        """
        from neurotransfer.transfer.copies import WithCopies, halved

        size = size_of(content)
        masks = brightness_masks(content, style) if settings.by_brightness else None
        objectives: list[Evaluate | None] = []
        for number, level in enumerate(levels_of(settings, size, last=size == plan.size)):
            if number:
                content, style, protected = halved(content), halved(style), None
            objectives.append(self._objective(level, plan, content, style, protected, masks) if level else None)
        return WithCopies(*objectives)

    def _objective(
        self,
        settings: Settings,
        plan: Plan,
        content: Array,
        style: Array,
        protected: Array | None,
        masks: tuple[Array, Array] | None,
    ) -> "Objective":
        from neurotransfer.transfer.objective import LossGraphs, Objective
        from neurotransfer.transfer.targets import content_targets, style_targets
        from neurotransfer.transfer.terms import graph_key

        network, graphs, styles = self._network(settings, plan)
        look = graph_key(settings)
        found = graphs.get(look, lambda: LossGraphs(network, settings))
        tiles = plan.tiles(size_of(content))
        uneven = settings.focus or protected is not None
        weights = content_map(content, settings.focus, protected) if uneven else None
        content_target = content_targets(network, settings, content, tiles, weights, masks and masks[0])
        style_tiles = plan_style_tiles(size_of(style), plan.layers, plan.memory.max_tile_pixels)
        digest = hashlib.sha256(np.ascontiguousarray(style).data).digest()
        parts = tuple(tile.owned for tile in style_tiles)
        extra = settings.whitening, bool(settings.likeness)
        style_target = styles.get(
            (digest, size_of(style), parts, look, extra),
            lambda: style_targets(network, settings, style, style_tiles, masks and masks[1]),
        )
        return Objective(found, settings, tiles, content_target, style_target)

    @property
    def traces(self) -> int:
        """How often a graph was traced so far, of those that are kept."""
        return sum(graphs.traces for kept in self._kept for graphs in kept.graphs)

    def _network(self, settings: Settings, plan: Plan) -> _Kept:
        from neurotransfer.vgg.network import VGG19

        def make() -> _Kept:
            gc.collect()  # graphs of an earlier session refer to themselves, and to its network
            loaded = self._loaded
            if loaded is None or not set(plan.layers) <= set(loaded.layers):
                loaded = self._weights(plan.layers)
            network = VGG19(loaded, settings.pooling, plan.precision, settings.padding, winograd=plan.winograd)
            self._loaded = self._given  # the network has its own copy
            return _Kept(network, _Recent(MAX_GRAPHS), _Recent(MAX_STYLES))

        return self._kept.get((settings.pooling, settings.padding, plan.precision, plan.winograd, plan.layers), make)

    def _weights(self, layers: tuple[str, ...]) -> Weights:
        """Load the weights of ``layers``: of the file that was found the first time, whatever is chosen since."""
        if self._given is not None:
            missing = sorted(set(layers) - set(self._given.layers))
            raise InputError(f"The weights of {', '.join(layers)} were expected, found none of {', '.join(missing)}.")
        loaded = load_weights(self._source.path if self._source else self._choice, layers)
        self._loaded, self._source, self._layers = loaded, loaded.source, layers
        return loaded  # another thread, which prepares the next picture, may load others meanwhile
