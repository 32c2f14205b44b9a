"""The terms of the total loss, a row each. Nothing else in the program knows how many there are.

A term measures something of a picture that adds up over tiles, and makes a number of the sum. To add one, write its row
here, its formula in `losses`, and the setting that weighs it in `settings`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from neurotransfer.system.size import Size
from neurotransfer.transfer.losses import (
    Whitening,
    combine,
    content_loss,
    inside,
    mean,
    range_loss,
    second_moments,
    squared_distance,
    style_loss,
    total_variation,
    whiten,
)
from neurotransfer.transfer.settings import Settings
from neurotransfer.vgg.layers import positions, stride
from neurotransfer.vgg.network import Tensor

PIXELS = "pixels"
"""What stands in place of a layer for terms that read the picture itself."""

_REGION_LAYERS = ("conv1_1", "conv2_1")
"""They see no further than a stroke; deeper ones look across the border of a region."""


class Region(NamedTuple):
    """The part of a window whose positions count."""

    size: Size
    """Of the whole picture, over whose positions means are taken; in a graph, of tensors."""
    owned: Tensor | None = None
    """Top, bottom, left and right in pixels of the window, int32 (4,); None: all of it."""

    def at(self, layer: str) -> Tensor | None:
        """Return the same part in positions of a layer's features; the last one may stand for fewer pixels."""
        return None if self.owned is None else -(-tf.convert_to_tensor(self.owned, tf.int32) // stride(layer))


class View(NamedTuple):
    """What a term sees beside the values that it measures."""

    layer: str
    """Name of the layer whose features the values are, or `PIXELS`."""
    region: Region
    settings: Settings
    target: tuple[Tensor, Tensor] | None = None
    """For terms that compare with the content: the photo's features in the same part, and each position's weight."""
    masks: Tensor | None = None
    """For terms that compare with the style: the masks of regions in the same part, (1, h, w, regions), each of mean 1
    over the picture."""

    @property
    def part(self) -> Tensor | None:
        """The positions of the layer that count."""
        return self.region.at(self.layer)

    @property
    def positions(self) -> Any:
        """The number of the layer's positions in the whole picture."""
        return positions(self.region.size, self.layer)


Measure = Callable[[Tensor, View], tuple[Tensor, Tensor]]
"""Values (1, h, w, channels) -> (the values that the network continues with, the region's share of the measure)."""
Loss = Callable[[Sequence[Tensor], Sequence[Any], Sequence[Tensor], Settings], Tensor]
"""(measures of the whole picture, layer by layer; targets and weights, likewise; settings) -> the term, a scalar."""


def _unchanged(measure: Tensor, _: Settings) -> Tensor:
    return measure


class Term(NamedTuple):
    """One term of the total loss."""

    name: str
    weight: str
    """Name of the setting that weighs it; 0 switches it off."""
    layers: str | None
    """Name of the setting that lists the layers that it reads; None: it reads the pixels."""
    target: str | None
    """What it is compared with: ``content`` (the photo's features), ``style`` (the same measure), or None."""
    measure: Measure
    loss: Loss
    options: tuple[str, ...] = ()
    """Names of other settings that its graph depends on."""
    prepare: Callable[[Tensor, Settings], Any] = _unchanged
    """Makes the target of what was measured of the style, layer by layer."""

    def places(self, settings: Settings) -> tuple[str, ...]:
        """Return the names of the layers that it reads, or `PIXELS`."""
        return tuple(dict(getattr(settings, self.layers))) if self.layers else (PIXELS,)

    def weight_of(self, settings: Settings) -> float:
        """Return its weight."""
        return float(getattr(settings, self.weight))

    def layer_weights(self, settings: Settings) -> tuple[float, ...]:
        """Return the weights of its layers within the term."""
        return tuple(dict(getattr(settings, self.layers)).values()) if self.layers else ()


def _distance(features: Tensor, view: View) -> tuple[Tensor, Tensor]:
    assert view.target is not None
    target, weight = view.target
    squares = squared_distance(inside(features, view.part), target, weight)
    return features, mean(squares, view.positions * target.shape[-1])


def _gram(features: Tensor, view: View) -> tuple[Tensor, Tensor]:
    features, moments = second_moments(features, view.part, view.masks)
    return features, mean(moments, view.positions * features.shape[-1])


def _variation(pixels: Tensor, view: View) -> tuple[Tensor, Tensor]:
    return pixels, total_variation(pixels, view.region.size, view.region.owned, view.settings.border_tv)


def _range(pixels: Tensor, view: View) -> tuple[Tensor, Tensor]:
    return pixels, range_loss(pixels, view.region.size, view.region.owned)


def _content(squares: Sequence[Tensor], limits: Sequence[Any], weights: Sequence[Tensor], settings: Settings) -> Tensor:
    form = settings.objective
    rows = zip(squares, limits, weights, strict=True)
    return combine([weight * content_loss(square, form, limit) for square, limit, weight in rows], form)


def _whitened(grams: Tensor, settings: Settings) -> tuple[Tensor] | tuple[Tensor, Whitening]:
    return (grams, whiten(grams[0], settings.whitening)) if settings.whitening else (grams,)


def _style(grams: Sequence[Tensor], targets: Sequence[Any], weights: Sequence[Tensor], settings: Settings) -> Tensor:
    """``weights`` of a layer are those of the whole picture and of its regions, (1 + regions,)."""
    form = settings.objective
    losses = []
    for found, (wanted, *metric), shares in zip(grams, targets, weights, strict=True):
        rows = zip(tf.unstack(found), tf.unstack(wanted), tf.unstack(shares), strict=True)
        losses += [
            share * style_loss(gram, target, metric[0] if metric else None, form) for gram, target, share in rows
        ]
    return combine(losses, form)


def _as_it_is(measures: Sequence[Tensor], *_: Any) -> Tensor:
    (value,) = measures
    return value


TERMS = (
    Term("content", "content_weight", "content_layers", "content", _distance, _content, ("objective",)),
    Term(
        "style",
        "style_weight",
        "style_layers",
        "style",
        _gram,
        _style,
        ("objective", "whitening", "by_brightness"),
        _whitened,
    ),
    Term("tv", "tv_weight", None, None, _variation, _as_it_is, ("border_tv",)),
    Term("range", "range_weight", None, None, _range, _as_it_is),
)


def region_layers(settings: Settings) -> tuple[str, ...]:
    """Return the names of the style layers that are compared by region, too."""
    layers = dict(settings.style_layers) if settings.by_brightness and settings.style_weight else ()
    return tuple(name for name in layers if name in _REGION_LAYERS)


def active_terms(settings: Settings) -> tuple[Term, ...]:
    """Return the terms that are switched on."""
    return tuple(term for term in TERMS if term.weight_of(settings))


def graph_key(settings: Settings) -> tuple[Any, ...]:
    """Return what shapes the graph of these terms: settings that agree in it can share one, whatever their weights."""
    terms = active_terms(settings)
    options = tuple(getattr(settings, name) for term in terms for name in term.options)
    return tuple((term.name, term.places(settings)) for term in terms) + options
