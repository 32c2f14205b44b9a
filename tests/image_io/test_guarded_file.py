"""Files that are too large, and names under which no picture lies."""

import os

import pytest
from PIL import Image

from neurotransfer.image_io.arrays import open_picture
from neurotransfer.system.errors import InputError


def test_more_pixels_than_allowed_are_refused(tmp_path):
    Image.new("1", (3000, 2000)).save(tmp_path / "large.png")
    with pytest.raises(InputError, match=r"3000x2000 pixels, more than 1,500,000; .* --max-pixels\."):
        open_picture(tmp_path / "large.png", 1_500_000)
    assert open_picture(tmp_path / "large.png", 6_000_000).size == (3000, 2000)


def test_dangling_symlinks_pipes_and_devices_are_not_opened(tmp_path):
    (tmp_path / "link.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "round.png").symlink_to("round.png")
    for path, sentence in (
        (tmp_path / "link.png", "link.png is a link to nowhere.png, where there is nothing."),
        (tmp_path / "pipe.png", "pipe.png is a named pipe; expected a picture file."),
        ("/dev/zero", "/dev/zero is a device; expected a picture file."),
        (tmp_path / "empty.png", "empty.png is empty, 0 bytes; expected a picture file. Copy it again."),
        (tmp_path / "round.png", "round.png cannot be read as a picture: Too many levels of symbolic links."),
        ("a\0.png", "cannot be read as a picture: embedded null byte."),
    ):
        with pytest.raises(InputError) as found:
            open_picture(path)
        assert str(found.value).endswith(sentence)


def test_a_symlink_to_a_picture_is_followed(tmp_path):
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    (tmp_path / "link").symlink_to("a.png")
    assert open_picture(tmp_path / "link").size == (4, 4)
