"""How large, and how deep: the plan of a run's sizes and layers, made from settings alone before anything is loaded."""

from neurotransfer.errors import InputError
from neurotransfer.images import fit
from neurotransfer.layers import up_to_last
from neurotransfer.settings import RANGES, Settings

SMALLEST = int(RANGES["size"][0])


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


def plan_style_size(painting_size: tuple[int, int], size: tuple[int, int], settings: Settings) -> tuple[int, int]:
    """Return the (width, height) at which the painting is looked at for a result of ``size`` (width, height)."""
    return fit(painting_size, max(SMALLEST, round(max(size) * settings.style_scale)))


def needed_layers(settings: Settings) -> tuple[str, ...]:
    """Return every layer of the network that the settings' losses need, in network order."""
    return up_to_last(tuple(dict(settings.content_layers) | dict(settings.style_layers)))
