"""People in a photo, as a mask: MediaPipe's selfie segmentation."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurotransfer.detect.network import Network
from neurotransfer.system.array import Array


def find_people(photo: NDArray[np.uint8]) -> Array:
    """Return how much of each place of an upright photo (H, W, 3) in 0..255 is a person: (256, 256), 0 to 1.

    The mask covers the photo, whatever its shape. It is made for one person near the camera.
    """
    network = Network("person")
    side = network.input_side
    small = Image.fromarray(photo).resize((side, side), Image.Resampling.BICUBIC)
    (mask,) = network(np.asarray(small, np.float32)[np.newaxis] / np.float32(255.0))
    shares: Array = mask[0, :, :, 0]
    return shares
