"""How large, and how deep: the sizes, steps and layers of a run, from settings alone."""

import math
from itertools import pairwise

from neurotransfer.system.errors import InputError
from neurotransfer.system.size import Size, fit
from neurotransfer.transfer.settings import LAYER_FIELDS, RANGES, Settings
from neurotransfer.vgg.layers import up_to_last

MIN_SIDE = int(RANGES["size"][0])

_MOST_OVER = 1.40625
"""How many times `Settings.coarsest` the first size may be: any more is halved."""

COARSE_SIDE = 362
"""Long side up to which the deepest layers see a large part of a picture: half way, in octaves, from 256 to 512."""

MIN_STEPS = 5
"""A scale with fewer steps than this is not worth its targets."""


def result_size(content: Size, settings: Settings) -> Size:
    """Return the result's size for a photo: never larger than the photo unless asked.

    Raises:
        InputError: the result would have a long side under 32 pixels.
    """
    long_side = content.long_side
    asked = settings.size
    if isinstance(asked, int) and (settings.enlarge or asked < long_side):
        long_side = asked
    if long_side < MIN_SIDE:
        raise InputError(
            f"The photo is {content} pixels, expected a long side of {MIN_SIDE} or more; "
            f"give a larger photo, or --size {MIN_SIDE} or more with --enlarge."
        )
    return fit(content, long_side)


def scale_sizes(size: Size, settings: Settings) -> list[Size]:
    """Return the size of every scale, smallest first; the last is ``size``.

    The long side doubles from scale to scale. The network sees a hundred pixels at once: forms as large as the picture
    are painted while it is small.
    """
    sides = [size.long_side]
    most = settings.step_count // MIN_STEPS if settings.octaves else 1
    while sides[0] > _MOST_OVER * settings.coarsest and len(sides) < most:
        half = round(sides[0] / 2)
        if min(fit(size, half)) < MIN_SIDE:  # of a panorama
            break
        sides.insert(0, half)
    return [fit(size, side) for side in sides[:-1]] + [size]


def share_steps(steps: int, scales: int) -> list[int]:
    """Return how many of ``steps`` each scale gets: 0.8 times as many as the next smaller one; 0.65 from the fifth on.

    A step there takes four times as long as at the size before, and changes less.
    """
    weights = [0.8 ** min(scale, 3) * 0.65 ** max(scale - 3, 0) for scale in range(scales)]
    marks = [round(steps * sum(weights[: scale + 1]) / sum(weights)) for scale in range(scales)]
    return [mark - before for before, mark in pairwise([0, *marks])]


def copies_of(size: Size, settings: Settings) -> tuple[int, ...]:
    """Return how often each reduced copy is halved that a picture of ``size`` is compared with the painting in.

    They are as large as the coarse scales. Without them, what was painted there would be undone by finer strokes.
    """
    if not settings.octaves or not settings.copies_weight:
        return ()
    smallest = settings.coarsest / _MOST_OVER
    halvings = range(1, size.long_side.bit_length())
    return tuple(
        number
        for number in halvings
        if smallest <= size.long_side / 2**number <= COARSE_SIDE and min(size) // 2**number >= MIN_SIDE
    )


def style_size(style: Size, size: Size, settings: Settings) -> Size:
    """Return the size at which a painting of size ``style`` is looked at for a result of ``size``.

    Its long side is the result's, times `Settings.style_scale`, up to the ratio 2:1. Beyond, strokes follow the area of
    the result: in a panorama, those of a painting as wide as it would be higher than the picture. A scale that was not
    chosen yet is 1.
    """
    side = min(size.long_side, math.sqrt(2.0 * size.pixels))
    scale = 1.0 if isinstance(settings.style_scale, str) else settings.style_scale
    return fit(style, max(MIN_SIDE, round(side * scale)))


def needed_layers(settings: Settings) -> tuple[str, ...]:
    """Return every layer of the network that the settings' losses need, in network order."""
    return up_to_last(tuple(name for field in LAYER_FIELDS for name in dict(getattr(settings, field))))
