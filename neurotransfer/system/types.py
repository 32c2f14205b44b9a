"""Arrays and sizes, the two things that every room speaks of."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def fit(picture_size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Return ``(width, height)`` with the given long side and the aspect ratio of ``picture_size``."""
    width, height = picture_size
    scale = long_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
