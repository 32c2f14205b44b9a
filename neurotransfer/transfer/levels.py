"""Levels: what a picture is compared with at each of its sizes, and with which weights. Settings in, settings out."""

from dataclasses import replace

from neurotransfer.system.size import Size
from neurotransfer.transfer.settings import LayerWeights, Settings
from neurotransfer.transfer.sizes import COARSE_SIDE, copies_of
from neurotransfer.vgg.layers import LAYERS

_NOTHING = 1e-12
"""A weight of exactly 0 would switch a term off, which takes another graph."""


_CONTENT_RANGE = 8.0
"""Factor of the content weight at strength 0; at 1, its inverse."""
_MOST_LIKENESS = 0.95
"""Likeness at strength 0; nearer to 1, nothing of the painting would be left."""
_LEAST_LIKENESS = 0.6
"""Likeness at strength 1, relative to that of 0.5."""


def at_strength(settings: Settings) -> Settings:
    """Return the settings with the content weight and the likeness that their strength means.

    From strength to strength the content weight changes by equal factors and the likeness by equal steps.
    """
    toward_photo = 1.0 - 2.0 * settings.strength  # from 1 to -1
    likeness = settings.likeness
    if toward_photo > 0.0:
        likeness += toward_photo * max(0.0, _MOST_LIKENESS - likeness)
    else:
        likeness *= 1.0 + toward_photo * (1.0 - _LEAST_LIKENESS)
    return replace(
        settings,
        content_weight=settings.content_weight * _CONTENT_RANGE**toward_photo,
        likeness=likeness if settings.likeness else 0.0,
    )


def levels_of(settings: Settings, size: Size, *, last: bool) -> tuple[Settings | None, ...]:
    """Return the weights with which a picture of ``size`` is looked at: itself, its half, its quarter, and so on.

    None: a copy that is not looked at. ``last``: at the size of the result. All have the same terms and layers, so that
    one graph serves them; what does not count has next to no weight. Copies are compared with the painting alone: with
    Gram matrices of an image pyramid, deep layers see forms that they cannot see in the picture itself (Snelgrove,
    SIGGRAPH Asia 2017).
    """
    settings = at_strength(settings)
    coarse = not last and size.long_side <= COARSE_SIDE
    fine, small = (_merged(settings, layers) for layers in (settings.style_layers, settings.coarse_layers))
    copy = replace(
        settings,
        **{name: _NOTHING * getattr(settings, name) for name in ("content_weight", "tv_weight", "range_weight")},
        style_weight=settings.style_weight * settings.copies_weight,
        focus=0.0,
        style_layers=small,
    )
    seen = copies_of(size, settings)
    copies = [copy if halvings in seen else None for halvings in range(1, max(seen, default=0) + 1)]
    return replace(settings, style_layers=small if coarse else fine), *copies


def _merged(settings: Settings, layers: LayerWeights) -> LayerWeights:
    """Return ``layers``, and with no weight those that are style layers elsewhere."""
    weights = {**dict.fromkeys((*dict(settings.style_layers), *dict(settings.coarse_layers)), 0.0), **dict(layers)}
    return tuple((name, weights[name]) for name in sorted(weights, key=LAYERS.index))
