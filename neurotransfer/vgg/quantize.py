"""One byte a weight: a codebook of 256 values for each layer, found by k-means, as the built-in weights were made."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurotransfer.vgg.weights import Weights

CENTRES = 256
MOST_ROUNDS = 1000


def quantised(weights: Weights) -> tuple[dict[str, NDArray[Any]], dict[str, float]]:
    """Return (arrays of the archive, error of each layer).

    The error is that of the kernel: the root of the mean squared difference over the root of the mean square.
    """
    arrays: dict[str, NDArray[Any]] = {"mean_pixel": np.array(weights.mean_pixel)}
    errors = {}
    for name, (kernel, bias) in weights.layers.items():
        codebook, codes = k_means(kernel)
        arrays |= {f"{name}.codes": codes, f"{name}.codebook": codebook, f"{name}.bias": bias}
        lost = np.linalg.norm((codebook[codes].astype(np.float64) - kernel).ravel())
        errors[name] = float(lost / max(float(np.linalg.norm(kernel.astype(np.float64).ravel())), 1e-30))
    return arrays, errors


def k_means(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return (codebook (256,), rising; codes of the shape of ``values``); the same values give the same answer.

    Lloyd's rounds on sorted values: a cluster is a stretch of them, its sum a difference of running sums, so that a
    round costs 256 searches whatever the layer's size (Lloyd 1982).
    """
    ordered = np.sort(values, axis=None).astype(np.float64)
    distinct = np.unique(ordered)
    if len(distinct) <= CENTRES:  # nothing is lost, and rounds could only lose
        centres = np.pad(distinct, (0, CENTRES - len(distinct)), mode="edge")
    else:
        centres = _centres(ordered)
    codebook = centres.astype(np.float32)
    limits = (centres[1:] + centres[:-1]) / 2
    return codebook, np.searchsorted(limits, values, side="left").astype(np.uint8)


def _centres(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.concatenate(([0.0], np.cumsum(ordered)))
    # Lloyd's rounds move slowly: start where they would end for a smooth density p, as dense as its cube root
    # (Panter and Dite 1951).
    counts, edges = np.histogram(ordered, bins=max(16, min(CENTRES // 2, len(ordered) // 64)))
    mass = np.concatenate(([0.0], np.cumsum(np.cbrt(counts))))
    centres: NDArray[np.float64] = np.interp((np.arange(CENTRES) + 0.5) / CENTRES * mass[-1], mass, edges)
    for _ in range(MOST_ROUNDS):
        ends = np.searchsorted(ordered, (centres[1:] + centres[:-1]) / 2, side="left")
        ends = np.concatenate(([0], ends, [len(ordered)]))
        counts = np.diff(ends)
        means = np.diff(sums[ends]) / np.maximum(counts, 1)
        moved = np.where(counts > 0, means, centres)  # an empty cluster stays where it is
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres
