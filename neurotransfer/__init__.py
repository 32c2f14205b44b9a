"""neurotransfer paints photographs in the style of pictures (neural style transfer, Gatys et al. 2016).

    from neurotransfer import Settings, stylize

    for step in stylize("photo.jpg", "painting.jpg", Settings(size=400, steps=50)):
        print(step.index, step.losses.total)

Names are looked up when first used, so that importing the package does not load TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurotransfer.errors import NeurotransferError
    from neurotransfer.images import load_image
    from neurotransfer.pyramid import Step, stylize
    from neurotransfer.saving import save_image
    from neurotransfer.settings import PRESETS, Settings, preset

_HOMES = {
    "stylize": "pyramid",
    "Step": "pyramid",
    "Settings": "settings",
    "PRESETS": "settings",
    "preset": "settings",
    "load_image": "images",
    "save_image": "saving",
    "NeurotransferError": "errors",
}

__all__ = ["PRESETS", "NeurotransferError", "Settings", "Step", "load_image", "preset", "save_image", "stylize"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
