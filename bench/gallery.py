"""Paint the README's pictures again: nine pairs at the default settings, as docs/gallery/*.jpg.

    python bench/gallery.py

About a minute and a half a picture on two cores.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from pairs import IMAGES, PAINTINGS, PHOTOS
from PIL import Image

COMMAND = Path(sys.executable).parent / "neurotransfer"
GALLERY = Path(__file__).parent.parent / "docs" / "gallery"
ROW_HEIGHT = 220


def main() -> None:
    GALLERY.mkdir(exist_ok=True)
    rows = [[None, *(_opened(IMAGES / f"{painting}.jpg") for painting in PAINTINGS)]]
    for photo in PHOTOS:
        row = [_opened(IMAGES / f"{photo}.jpg")]
        for painting in PAINTINGS:
            row.append(_opened(paint(photo, painting)))
        rows.append(row)
    sheet(rows).save(GALLERY / "sheet.jpg", quality=88)


def paint(photo: str, painting: str) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.png"
        pair = ["--content", IMAGES / f"{photo}.jpg", "--style", IMAGES / f"{painting}.jpg"]
        subprocess.run([COMMAND, "run", *pair, "--output", result], check=True)
        path = GALLERY / f"{photo}-{painting}.jpg"
        with Image.open(result) as picture:
            picture.save(path, quality=90)
    return path


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def sheet(rows: list[list[Image.Image | None]]) -> Image.Image:
    """Lay pictures out in a grid of cells as wide as their row's picture needs, all of one height; None is empty."""
    widths = [
        max(round(p.width * ROW_HEIGHT / p.height) for p in column if p is not None)
        for column in zip(*rows, strict=True)
    ]
    whole = Image.new("RGB", (sum(widths) + 6 * len(widths), (ROW_HEIGHT + 6) * len(rows)), "white")
    for number, row in enumerate(rows):
        left = 0
        for picture, width in zip(row, widths, strict=True):
            if picture is not None:
                small = picture.resize((round(picture.width * ROW_HEIGHT / picture.height), ROW_HEIGHT))
                whole.paste(small, (left + (width - small.width) // 2, number * (ROW_HEIGHT + 6)))
            left += width + 6
    return whole


if __name__ == "__main__":
    main()
