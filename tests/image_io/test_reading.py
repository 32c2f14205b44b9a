"""Reading leaves the state of the process as it was."""

import logging
import os
import threading

import numpy as np
import pytest
import tifffile
from PIL import Image, TiffImagePlugin

from neurotransfer.image_io.arrays import load_image


def process_wide():
    """What reading a picture may change for a while: Pillow's tables, limit and log, and standard error."""
    return (
        dict(TiffImagePlugin.OPEN_INFO),
        TiffImagePlugin.READ_LIBTIFF,
        Image.MAX_IMAGE_PIXELS,
        logging.getLogger("PIL").level,
        os.fstat(2).st_ino,
    )


def test_threads_that_read_at_once_leave_the_process_as_it_was(tmp_path):
    values = np.arange(600, dtype=np.uint16).reshape(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", compression="zlib")
    before, found = process_wide(), []

    def read():
        found.extend(load_image(tmp_path / "a.tif") for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 120
    assert all(np.abs(image[..., 0] - values / 257).max() < 0.002 for image in found)
    assert process_wide() == before


@pytest.mark.parametrize("name", ["rgb", "grey", "8 bits"])
def test_pillows_tables_stay_as_they_are_while_a_tiff_is_read(tmp_path, monkeypatch, name):
    before, seen = process_wide()[:2], []
    values = np.zeros((20, 30) if name == "grey" else (20, 30, 3), np.uint8 if name == "8 bits" else np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack" if name == "grey" else "rgb", compression=8)
    load = Image.Image.load

    def look(picture):
        seen.append(process_wide()[:2])
        return load(picture)

    monkeypatch.setattr(Image.Image, "load", look)
    load_image(tmp_path / "a.tif")
    assert seen
    assert all(tables == before for tables in seen)
