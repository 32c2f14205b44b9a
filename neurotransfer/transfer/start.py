"""The picture that a run starts from."""

import numpy as np

from neurotransfer.image_io.arrays import open_picture, pixels
from neurotransfer.image_io.reading import Picture
from neurotransfer.system.array import Array
from neurotransfer.system.size import size_of
from neurotransfer.transfer.color import recolor
from neurotransfer.transfer.settings import Settings
from neurotransfer.vgg.layers import MEAN_PIXEL


def start_picture(settings: Settings, content: Array, style: Array, start: Picture | None = None) -> Array:
    """Return the picture of step 0, of the shape of ``content`` (H, W, 3) in 0..255.

    ``start`` takes the place of what ``settings.init`` names. Noise is mixed in around the network's mean pixel.
    """
    mean = np.array(MEAN_PIXEL, dtype=np.float32)
    generator = np.random.default_rng(settings.seed)
    if settings.noise == "uniform":
        noise = generator.uniform(-20.0, 20.0, content.shape).astype(np.float32)
    else:
        noise = generator.normal(0.0, 0.256, content.shape).astype(np.float32)
    if settings.init == "noise" and start is None:
        return mean + noise
    base = pixels(start, size_of(content)) if start is not None else _base(settings.init, content, style)
    mixed: Array = mean + settings.noise_ratio * noise + (1.0 - settings.noise_ratio) * (base - mean)
    return mixed


def _base(init: str, content: Array, style: Array) -> Array:
    if init == "recolored":
        return recolor(content, style)
    if init == "content":
        return content
    return pixels(open_picture(style), size_of(content))
