"""How large, and how deep: the plan of a run's sizes and layers, made from settings alone before anything is loaded."""

from itertools import pairwise

from neurotransfer.system.errors import InputError
from neurotransfer.system.types import fit
from neurotransfer.transfer.settings import RANGES, Settings
from neurotransfer.vgg.layers import up_to_last

SMALLEST = int(RANGES["size"][0])

LARGEST_SINGLE = 720
"""Long side up to which one octave does."""

FEWEST_UPDATES = 5
"""An octave with fewer updates than this is not worth its targets."""


def plan_size(photo_size: tuple[int, int], settings: Settings) -> tuple[int, int]:
    """Return the result's (width, height) for a photo's (width, height): never larger than the photo unless asked.

    Raises:
        InputError: the result would have a long side under 32 pixels.
    """
    long_side = max(photo_size)
    asked = settings.size
    if isinstance(asked, int) and (settings.enlarge or asked < long_side):
        long_side = asked
    if long_side < SMALLEST:
        raise InputError(
            f"The photo is {photo_size[0]}x{photo_size[1]} pixels, expected a long side of {SMALLEST} or more; "
            f"give a larger photo, or --size {SMALLEST} or more with --enlarge."
        )
    return fit(photo_size, long_side)


def plan_octaves(size: tuple[int, int], settings: Settings) -> list[tuple[int, int]]:
    """Return the (width, height) of every octave, smallest first; the last is ``size`` (width, height).

    The long side doubles from octave to octave. The network sees a few hundred pixels at once: a larger picture has
    its large strokes painted while it is small.
    """
    sides = [max(size)]
    most = settings.updates // FEWEST_UPDATES if settings.octaves else 1
    while sides[0] > LARGEST_SINGLE and len(sides) < most:
        sides.insert(0, round(sides[0] / 2))
    return [fit(size, side) for side in sides[:-1]] + [size]


def share_updates(updates: int, octaves: int) -> list[int]:
    """Return how many of ``updates`` each octave gets: each 0.6 times as many as the next smaller one."""
    weights = [0.6**octave for octave in range(octaves)]
    marks = [round(updates * sum(weights[: octave + 1]) / sum(weights)) for octave in range(octaves)]
    return [mark - before for before, mark in pairwise([0, *marks])]


def plan_style_size(painting_size: tuple[int, int], size: tuple[int, int], settings: Settings) -> tuple[int, int]:
    """Return the (width, height) at which the painting is looked at for a result of ``size`` (width, height)."""
    return fit(painting_size, max(SMALLEST, round(max(size) * settings.style_scale)))


def needed_layers(settings: Settings) -> tuple[str, ...]:
    """Return every layer of the network that the settings' losses need, in network order."""
    return up_to_last(tuple(dict(settings.content_layers) | dict(settings.style_layers)))
