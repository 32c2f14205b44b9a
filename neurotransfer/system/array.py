"""The arrays that pictures, features and gradients are."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
