"""What the last seconds buy: the same pictures in 25, 50, 75 and 100 % of the time of the former default.

    python bench/budget.py

Times `--preset texture`, then paints with `--time-budget` of these shares of its seconds, and writes
docs/quality/budget.jpg: a row for each pair. Prints the seconds that each took. About five minutes on two cores.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pairs import IMAGES
from PIL import Image

COMMAND = Path(sys.executable).parent / "neurotransfer"
SHEET = Path(__file__).parent.parent / "docs" / "quality" / "budget.jpg"
PAIRS = (("astronaut", "starry_night"), ("chelsea_cat", "reading"), ("roebling_bridge", "ducks"))
SHARES = (0.25, 0.5, 0.75, 1.0)


def paint(photo: str, painting: str, options: list[str], path: Path) -> float:
    """Paint and return the seconds from the prompt to the file."""
    begun = time.monotonic()
    pair = ["-c", IMAGES / f"{photo}.jpg", "-s", IMAGES / f"{painting}.jpg"]
    subprocess.run([COMMAND, "run", "-q", *pair, *options, "-o", path], check=True)
    return time.monotonic() - begun


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for photo, painting in PAIRS:
            whole = paint(photo, painting, ["--preset", "texture"], folder / f"{photo}.png")
            row = []
            for share in SHARES:
                path = folder / f"{photo}-{share}.png"
                took = paint(photo, painting, ["--time-budget", f"{share * whole:.1f}"], path)
                print(f"{photo} x {painting}: {whole:.1f} s before; {share:.0%}: took {took:.1f} s", flush=True)
                row.append(Image.open(path).convert("RGB"))
            rows.append(row)
    width = max(picture.width for row in rows for picture in row)
    sheet = Image.new("RGB", (len(SHARES) * (width + 6), sum(row[0].height + 6 for row in rows)), "white")
    top = 0
    for row in rows:
        for number, picture in enumerate(row):
            sheet.paste(picture, (number * (width + 6), top))
        top += row[0].height + 6
    sheet.save(SHEET, quality=85)


if __name__ == "__main__":
    main()
