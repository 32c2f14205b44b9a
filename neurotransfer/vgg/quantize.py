"""Quantization to one byte a weight: k-means finds a codebook of 256 values for each layer.

The built-in weights were made in this way.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurotransfer.vgg.weights import Weights

CENTROIDS = 256
MAX_ROUNDS = 1000


def quantize_weights(weights: Weights) -> tuple[dict[str, NDArray[Any]], dict[str, float]]:
    """Return (arrays of the archive by name, error of each layer by name).

    The error is that of the kernel: the root mean square of the difference over the root mean square of the kernel.
    """
    arrays: dict[str, NDArray[Any]] = {"mean_pixel": np.array(weights.mean_pixel)}
    errors = {}
    for name, (kernel, bias) in weights.layers.items():
        codebook, codes = k_means(kernel)
        arrays |= {f"{name}.codes": codes, f"{name}.codebook": codebook, f"{name}.bias": bias}
        difference = np.linalg.norm((codebook[codes].astype(np.float64) - kernel).ravel())
        errors[name] = float(difference / max(float(np.linalg.norm(kernel.astype(np.float64).ravel())), 1e-30))
    return arrays, errors


def k_means(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return (codebook (256,), ascending; codes of the shape of ``values``); the same values give the same result.

    Lloyd's algorithm (1982) on sorted values: a cluster is a slice of them, and its sum is a difference of cumulative
    sums, so a round costs 256 searches whatever the layer's size.
    """
    ordered = np.sort(values, axis=None).astype(np.float64)
    distinct = np.unique(ordered)
    if len(distinct) <= CENTROIDS:  # the codebook is exact; rounds could only make it worse
        centroids = np.pad(distinct, (0, CENTROIDS - len(distinct)), mode="edge")
    else:
        centroids = _centroids(ordered)
    codebook = centroids.astype(np.float32)
    limits = (centroids[1:] + centroids[:-1]) / 2
    return codebook, np.searchsorted(limits, values, side="left").astype(np.uint8)


def _centroids(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.concatenate(([0.0], np.cumsum(ordered)))
    # Lloyd's rounds converge slowly. They start where they would end for a smooth density: the optimal centroids are as
    # dense as its cube root (Panter and Dite 1951).
    counts, edges = np.histogram(ordered, bins=max(16, min(CENTROIDS // 2, len(ordered) // 64)))
    mass = np.concatenate(([0.0], np.cumsum(np.cbrt(counts))))
    centroids: NDArray[np.float64] = np.interp((np.arange(CENTROIDS) + 0.5) / CENTROIDS * mass[-1], mass, edges)
    for _ in range(MAX_ROUNDS):
        ends = np.searchsorted(ordered, (centroids[1:] + centroids[:-1]) / 2, side="left")
        ends = np.concatenate(([0], ends, [len(ordered)]))
        counts = np.diff(ends)
        means = np.diff(sums[ends]) / np.maximum(counts, 1)
        moved = np.where(counts > 0, means, centroids)  # the centroid of an empty cluster stays
        if np.array_equal(moved, centroids):
            break
        centroids = moved
    return centroids
