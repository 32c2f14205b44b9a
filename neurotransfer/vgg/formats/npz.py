"""Weights as NumPy archives: plain (``conv1_1.kernel``, ``.bias``) or one byte a weight (``.codes``, ``.codebook``).

The kernels are (3, 3, in, out) for RGB input; a missing ``mean_pixel`` is that of the original network.
The built-in weights and the installed full ones are such files.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurotransfer.system.errors import reason_of
from neurotransfer.system.files import atomic_file
from neurotransfer.system.npz import Arrays, open_zip
from neurotransfer.vgg.kernels import MAX_NUMBERS, Kernel, Kernels, WrongNetworkError, checked, checked_mean
from neurotransfer.vgg.layers import KERNEL_SHAPES, LAYERS, MEAN_PIXEL


def read_npz(path: Path, layers: tuple[str, ...] = LAYERS) -> tuple[Kernels, tuple[float, float, float], str]:
    """Return (kernels of ``layers``, mean pixel, name of the layout). Nothing in the file is unpickled.

    Raises:
        WrongNetworkError: it is not such an archive, or another network's.
    """
    try:
        with open_zip(path) as archive:
            content = Arrays(archive)
            plain = f"{LAYERS[0]}.kernel" in content.names
            kernels = {name: _plain(content, name) if plain else _coded(content, name) for name in layers}
            mean = checked_mean(content.read("mean_pixel", 3)) if "mean_pixel" in content.names else MEAN_PIXEL
    except WrongNetworkError:
        raise
    except Exception as error:  # untrusted input: zip and array readers may raise anything
        raise WrongNetworkError(f"cannot be read as a NumPy archive: {reason_of(error)}") from None
    return kernels, mean, "full precision" if plain else "one byte a weight"


def _plain(content: Arrays, name: str) -> Kernel:
    kernel, bias = (content.read(f"{name}.{part}", MAX_NUMBERS) for part in ("kernel", "bias"))
    return checked(name, kernel, bias)


def _coded(content: Arrays, name: str) -> Kernel:
    codebook, codes, bias = (content.read(f"{name}.{part}", MAX_NUMBERS) for part in ("codebook", "codes", "bias"))
    if codes.dtype != np.uint8 or codes.shape != KERNEL_SHAPES[name] or codebook.shape != (256,):
        raise WrongNetworkError(
            f"layer {name} has codes {codes.dtype} {codes.shape} and a codebook {codebook.shape}, "
            f"expected uint8 {KERNEL_SHAPES[name]} and (256,)"
        )
    return checked(name, codebook[codes], bias)


def write_npz(path: Path, arrays: Mapping[str, Any], *, compressed: bool = False) -> None:
    """Write an archive, whole or not at all; an existing file is replaced.

    Raises:
        NeurotransferError: it cannot be written.
    """
    with atomic_file(path) as handle:
        (np.savez_compressed if compressed else np.savez)(handle, allow_pickle=False, **arrays)
