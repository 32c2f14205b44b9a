"""Small MATLAB files in both layouts, and seeded mutations of them: shared by the tests and bench/fuzz_weights.py."""

import io
import struct

import numpy as np
from scipy.io import savemat

from neurotransfer.vgg.layers import KERNEL_SHAPES, LAYERS
from tests.vgg.matconvnet import matconvnet


class SmallWeights:
    """Kernels with VGG-19's names but few channels: a reader reads them all, then finds another network."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.layers = {
            name: (random.normal(size=(3, 3, min(shape[2], 4), 4)).astype(np.float32), np.zeros(4, np.float32))
            for name, shape in KERNEL_SHAPES.items()
        }


def bases() -> dict[str, bytes]:
    """Both layouts, plain and compressed, and their bare headers."""
    found = {}
    for layout in ("newer", "older"):
        for compress in (False, True):
            buffer = io.BytesIO()
            content = matconvnet(SmallWeights(), layout, layers=LAYERS, positions=8)
            savemat(buffer, content, do_compression=compress)
            found[f"{layout}{', compressed' if compress else ''}"] = buffer.getvalue()
    found["header"] = found["newer"][:512]
    return found


EXTREME_NUMBERS = (0, 1, 14, 15, 255, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 16, 1 << 20, 1 << 28, 1 << 30)


def mutated(whole: bytes, seed: int) -> bytes:
    """Return the file with one to four changes; the seed decides which."""
    random = np.random.default_rng(seed)
    data = bytearray(whole)
    for _ in range(random.integers(1, 5)):
        place = int(random.integers(0, len(data))) if random.random() < 0.5 else int(random.integers(0, 1000))
        place = min(place, len(data) - 8)
        match random.integers(0, 7):
            case 0:  # flip a bit
                data[place] ^= 1 << int(random.integers(0, 8))
            case 1:  # noise
                data[place : place + 8] = random.bytes(8)
            case 2 | 3:  # a number of four bytes: a size or a count
                struct.pack_into("<I", data, place & ~3, int(random.choice(EXTREME_NUMBERS)))
            case 4:  # cut
                data = data[: max(place, 9)]
            case 5:  # remove or repeat a part
                end = place + int(random.integers(1, 4096))
                data[place:place] = data[place:end] if random.random() < 0.5 else b""
                del data[place : end if random.random() < 0.5 else place]
            case 6:  # overwrite with another part
                other = int(random.integers(0, len(data)))
                data[place : place + 256] = data[other : other + 256]
        if len(data) < 16:
            break
    return bytes(data)
