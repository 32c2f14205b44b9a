"""The convolution layers of VGG-19 (Simonyan and Zisserman 2015, configuration E). A table; it knows no weights.

Layers are named as in the paper, ``convBLOCK_NUMBER``. A 2x2 pooling with stride 2 stands between blocks.
Activations are always those after the ReLU.
"""

from difflib import get_close_matches

from neurotransfer.system.errors import InputError
from neurotransfer.system.size import Size

MEAN_PIXEL = (123.68, 116.779, 103.939)
"""Mean RGB pixel of the training pictures, subtracted from every picture (0..255) before the network."""

_BLOCKS = ((1, 2, 64), (2, 2, 128), (3, 4, 256), (4, 4, 512), (5, 4, 512))  # block, layers, channels


def _shapes() -> dict[str, tuple[int, int, int, int]]:
    shapes, previous = {}, 3
    for block, count, channels in _BLOCKS:
        for number in range(1, count + 1):
            shapes[f"conv{block}_{number}"] = (3, 3, previous, channels)
            previous = channels
    return shapes


KERNEL_SHAPES = _shapes()
"""Layer name -> (kernel height, kernel width, channels in, channels out), in network order."""

LAYERS = tuple(KERNEL_SHAPES)


def block(layer: str) -> int:
    """Return the block number of a layer, 1 to 5."""
    return int(layer[4])


def stride(layer: str) -> int:
    """Return the pixels between neighboring positions of a layer's features."""
    return int(2 ** (block(layer) - 1))


def positions(size: Size, layer: str) -> int:
    """Return the number of positions of a layer's features for a picture of ``size``."""
    step = stride(layer)
    return -(-size.width // step) * -(-size.height // step)


def up_to_last(layers: tuple[str, ...]) -> tuple[str, ...]:
    """Return every layer of the network up to the deepest of ``layers``: all that has to be computed for them."""
    deepest = max(LAYERS.index(name) for name in layers)
    return LAYERS[: deepest + 1]


def check_layer(name: str) -> None:
    """Raise `InputError`, naming the nearest layer, unless ``name`` is in the table."""
    if name not in KERNEL_SHAPES:
        nearest = get_close_matches(name, LAYERS, n=1, cutoff=0.0)[0]
        raise InputError(f"There is no layer {name!r} in VGG-19 (conv1_1 to conv5_4); did you mean {nearest}?")
