"""The size of a picture file from its header: a hundred times sooner than its pixels."""

from pathlib import Path

from PIL import ExifTags

from neurotransfer.image_io.budget import Budget
from neurotransfer.image_io.guarded_file import MAX_FILE_BYTES, LimitedFile, check_file, open_image
from neurotransfer.image_io.kinds import BEGIN, find_formats
from neurotransfer.image_io.reading import quiet_pillow, read_picture
from neurotransfer.system.errors import InputError


def peek_size(path: Path, max_pixels: int | None = None) -> tuple[int, int]:
    """Return width and height of the upright picture; its pixels are read only where the header does not tell.

    A file that is damaged further on is not found out.

    Raises:
        InputError: there is no such file, it is larger than ``max_pixels``, or it cannot be read as a picture.
    """
    try:
        check_file(path, max(MAX_FILE_BYTES, 8 * (max_pixels or 0)))
        with quiet_pillow(), LimitedFile(path) as file:
            formats = find_formats(path, file.peek(BEGIN)[:BEGIN])
            with open_image(file, formats) as opened:
                Budget(path, max_pixels).check_size(opened.size, opened.format)
                turned = opened.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
                return opened.size[::-1] if turned else opened.size
    except InputError:
        raise
    except Exception:  # untrusted input, or a format whose header Pillow does not know: the whole file decides
        return read_picture(path, max_pixels).size
