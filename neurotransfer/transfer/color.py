"""Brightness, and the photo in the painting's colors: a start picture from which fewer steps remain."""

import numpy as np
from numpy.typing import NDArray

from neurotransfer.system.array import Array

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue in brightness, ITU-R BT.601."""
_NOISE_VARIANCE = 1.0
"""Added to every variance, in squared units of 0..255: a gray picture has no color to stretch."""
_PART = 65_536
"""Pixels converted to float64 at once."""


def recolor(image: Array, palette: Array) -> Array:
    """Return ``image`` with the mean and covariance of the colors of ``palette``; both (H, W, 3) in 0..255.

    The linear Monge-Kantorovich map, of all maps that give this mean and covariance the one that moves colors least
    (Pitie and Kokaram, CVMP 2007). Clipped to 0..255.
    """
    source_mean, source = _statistics(image)
    target_mean, target = _statistics(palette)
    root = _root(source)
    inverse = np.linalg.inv(root)
    turn = inverse @ _root(root @ target @ root) @ inverse
    moved = (image - source_mean) @ turn + target_mean
    return np.clip(moved, 0.0, 255.0).astype(np.float32)


def _statistics(image: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    colors = image.reshape(-1, 3)
    mean = colors.mean(axis=0, dtype=np.float64)
    covariance = _NOISE_VARIANCE * np.eye(3)
    for part in np.array_split(colors, -(-len(colors) // _PART)):  # in float64, a large painting fills the memory
        covariance += (part - mean).T @ (part - mean) / (len(colors) - 1)
    return mean, covariance


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square root of a symmetric positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = (vectors * np.sqrt(values)) @ vectors.T
    return root
