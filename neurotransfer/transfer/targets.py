"""What pictures are compared with: the photo's features, and what the loss terms measure of a painting.

Both are plain tensors, made once. Style targets serve every photo that is painted in the same style at the same size.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from neurotransfer.image_io.arrays import resize
from neurotransfer.system.array import Array
from neurotransfer.system.size import Size, size_of
from neurotransfer.transfer.losses import inside, squared_distance
from neurotransfer.transfer.settings import Settings
from neurotransfer.transfer.terms import Region, Term, View, active_terms, region_layers
from neurotransfer.transfer.tiles import Tile
from neurotransfer.vgg.layers import positions, stride
from neurotransfer.vgg.network import VGG19, Tensor

_LEAST_SHARE = 1e-3
"""Of a region in a picture: a smaller one has next to no weight."""


class ContentTargets(NamedTuple):
    """What is kept of a photo of one size."""

    size: Size
    features: tuple[tuple[Any, ...], ...]
    """For each tile, at each content layer, the features of its owned part, (1, h, w, channels), and how much each
    position counts, (1, h, w, 1)."""
    strengths: tuple[float, ...]
    """Mean square of the features at each content layer, places weighted."""
    surplus: float
    """How far the mean weight of a place is above 1: what is protected counts on top."""
    masks: tuple[dict[str, Any], ...]
    """For each tile, at each layer whose style is compared by region, the masks of its owned part, (1, h, w, regions).
    Each has mean 1 over the picture."""
    shares: tuple[float, ...]
    """Share of each region in the photo; empty without regions."""


class StyleTargets(NamedTuple):
    """What is kept of a painting of one size."""

    measures: dict[str, tuple[Any, ...]]
    """For each term that compares with the style, its target at each of its layers."""
    strengths: tuple[float, ...]
    """Mean square of the features at each content layer; empty without a likeness to hold."""


def batch(picture: Array) -> Tensor:
    """Return an array (h, w, 3) as a tensor (1, h, w, 3)."""
    return tf.constant(picture[np.newaxis])


def content_targets(
    network: VGG19,
    settings: Settings,
    content: Array,
    tiles: Sequence[Tile],
    weights: Array | None = None,
    masks: Array | None = None,
) -> ContentTargets:
    """Return the targets of a photo (H, W, 3) in 0..255, evaluated in ``tiles``.

    ``weights`` (H, W), of mean 1 or more, says how much each place counts; None: all alike. ``masks`` (h, w, regions)
    are those of regions, of sum 1; None: there are none.
    """
    mean_weight = 1.0 if weights is None else float(weights.mean())
    size, layers = size_of(content), tuple(dict(settings.content_layers))
    parts = []
    for tile in tiles:
        features = network(batch(content[tile.window]), layers)
        region = Region(size, tile.owned)
        found = tuple(
            (inside(features[name], region.at(name)), _at_layer(weights, tile, name, features[name].dtype))
            for name in layers
        )
        if len(tiles) > 1:
            # As arrays: among the network's temporary tensors they would leave holes too small for anything large.
            found = tuple((target.numpy().copy(), weight.numpy().copy()) for target, weight in found)
        parts.append(found)
    strengths = tuple(
        sum(_strength(target, size, name, weight) for target, weight in targets) / mean_weight
        for name, targets in zip(layers, zip(*parts, strict=True), strict=True)
    )
    whole = _masks_by_layer(masks, settings, size)
    regions = tuple(_in_tile(whole, tile, network.dtype) for tile in tiles)
    shares = () if masks is None else tuple(masks.mean(axis=(0, 1)).tolist())
    return ContentTargets(size, tuple(parts), strengths, mean_weight - 1.0, regions, shares)


def _masks_by_layer(masks: Array | None, settings: Settings, size: Size) -> dict[str, Array]:
    """Return the masks of a whole picture of ``size`` at each layer that has regions, each of mean 1."""
    found: dict[str, Array] = {}
    if masks is None:
        return found
    for name in region_layers(settings):
        step = stride(name)
        whole = resize(masks, (-(-size.width // step), -(-size.height // step))).clip(0.0, 1.0)
        found[name] = whole / np.maximum(whole.mean(axis=(0, 1)), _LEAST_SHARE)
    return found


def _in_tile(masks: dict[str, Array], tile: Tile, dtype: Any) -> dict[str, Tensor]:
    """Return the masks (1, h, w, regions) of a tile's owned part, by layer."""
    (rows, columns), (top, bottom, left, right) = tile.window, tile.owned
    found = {}
    for name, whole in masks.items():
        high, wide = (
            slice(-(-(begin + first) // stride(name)), -(-(begin + last) // stride(name)))
            for begin, first, last in ((rows.start, top, bottom), (columns.start, left, right))
        )
        found[name] = tf.cast(whole[np.newaxis, high, wide], dtype)
    return found


def _at_layer(weights: Array | None, tile: Tile, layer: str, dtype: Any) -> Tensor:
    """Return the mean weight of the pixels of each position of a layer in a tile's owned part, (1, h, w, 1)."""
    if weights is None:
        return tf.ones([1, 1, 1, 1], dtype)
    step = stride(layer)
    (rows, columns), (top, bottom, left, right) = tile.window, tile.owned
    part = weights[rows.start + top : rows.start + bottom, columns.start + left : columns.start + right]
    part = np.pad(part, [(0, -length % step) for length in part.shape], mode="edge")
    height, width = (length // step for length in part.shape)
    means = part.reshape(height, step, width, step).mean(axis=(1, 3))
    return tf.cast(means[np.newaxis, :, :, np.newaxis], dtype)


def style_targets(
    network: VGG19, settings: Settings, style: Array, tiles: Sequence[Tile], masks: Array | None = None
) -> StyleTargets:
    """Return the targets of a painting (H, W, 3) in 0..255, evaluated in ``tiles``, with ``masks`` of its regions."""
    size = size_of(style)
    terms = [term for term in active_terms(settings) if term.target == "style"]
    places = dict.fromkeys(name for term in terms for name in term.places(settings))
    strengths = dict.fromkeys(dict(settings.content_layers) if settings.likeness else (), 0.0)
    measures: dict[tuple[str, str], Tensor] = {}
    whole = _masks_by_layer(masks, settings, size)
    for tile in tiles:
        region = Region(size, tile.owned)
        regions = _in_tile(whole, tile, network.dtype)

        # Measured as the network computes a layer: all features at once would fill the memory.
        def hook(name: str, features: Tensor, region: Region = region, regions: Any = regions) -> Tensor:
            for term in terms:
                if name in term.places(settings):
                    share = term.measure(features, View(name, region, settings, masks=regions.get(name)))[1]
                    key = (term.name, name)
                    measures[key] = measures[key] + share if key in measures else share
            if name in strengths:
                strengths[name] += _strength(inside(features, region.at(name)), size, name)
            return features

        if places or strengths:
            network(batch(style[tile.window]), tuple({**places, **strengths}), hook)

    def prepared(term: Term) -> tuple[Any, ...]:
        return tuple(term.prepare(measures[term.name, name], settings) for name in term.places(settings))

    return StyleTargets({term.name: prepared(term) for term in terms}, tuple(strengths.values()))


def _strength(features: Any, size: Size, layer: str, weight: Any = None) -> float:
    """Return the share of ``features`` in the mean square of a layer's features for a picture of ``size``."""
    squares = squared_distance(tf.convert_to_tensor(features), tf.zeros([], features.dtype), weight)
    return float(squares) / (int(features.shape[-1]) * positions(size, layer))
