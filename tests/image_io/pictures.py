"""What several tests of picture files share."""

import numpy as np
import png
from PIL import Image
from PIL.ExifTags import IFD, Base

COLORS = np.array([[(200, 120, 60), (60, 160, 120), (90, 90, 200), (128, 128, 128), (255, 255, 255), (0, 0, 0)]])


RAMP = np.linspace(25_700, 26_200, 600).astype(np.uint16)
"""Two levels of 8 bits."""


def deep_png(path, array, mode):
    png.from_array(array.reshape(len(array), -1), mode).save(path)


def sample_exif():
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model], exif[Base.Copyright] = "Maker", "Model 1", "(c) somebody"
    exif[Base.Software], exif[Base.Orientation] = "a secret", 6
    exif[IFD.Exif] = {int(Base.DateTimeOriginal): "2024:05:06 07:08:09", int(Base.BodySerialNumber): "12345"}
    exif[IFD.GPSInfo] = {1: "N", 2: (48.0, 8.0, 0.0)}
    return exif
