"""neurotransfer paints photographs in the style of pictures (neural style transfer, Gatys et al. 2016).

    from neurotransfer import Settings, stylize

    for step in stylize("photo.jpg", "painting.jpg", Settings(size=400, steps=50)):
        print(step.index, step.losses.total)

Names are looked up when first used, so that importing the package does not load TensorFlow.
"""

from importlib import import_module

TYPE_CHECKING = False  # as typing's, which `python -m` would look for in the working folder first

if TYPE_CHECKING:
    from neurotransfer.image_io.arrays import load_image
    from neurotransfer.image_io.saving import save_image
    from neurotransfer.system.errors import NeurotransferError
    from neurotransfer.system.tensorflow import load_tensorflow
    from neurotransfer.transfer.presets import PRESETS, preset
    from neurotransfer.transfer.session import Session
    from neurotransfer.transfer.settings import Settings
    from neurotransfer.transfer.stylize import Step, stylize

_LAZY_NAMES = {
    "stylize": "transfer.stylize",
    "Step": "transfer.stylize",
    "Session": "transfer.session",
    "load_tensorflow": "system.tensorflow",
    "Settings": "transfer.settings",
    "PRESETS": "transfer.presets",
    "preset": "transfer.presets",
    "load_image": "image_io.arrays",
    "save_image": "image_io.saving",
    "NeurotransferError": "system.errors",
}

__all__ = [
    "PRESETS",
    "NeurotransferError",
    "Session",
    "Settings",
    "Step",
    "load_image",
    "load_tensorflow",
    "preset",
    "save_image",
    "stylize",
]


def __getattr__(name: str) -> object:
    if name not in _LAZY_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY_NAMES[name]}"), name)
