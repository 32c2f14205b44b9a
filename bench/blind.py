"""A blind test: which of two settings makes the better pictures? You vote without knowing which is which.

    python bench/blind.py [--one OPTIONS] [--other OPTIONS] [--size N] [--folder FOLDER] [--seed N]

Paints the nine sample pairs with both settings and writes into FOLDER (output/blind) a sheet for each pair, 1.png to
9.png, in random order: the photo on top, below it A and B at full size, sides at random. `key.json` says which is
which: open it after you have voted. The pictures are in one/ and other/. By default the former default (one: --preset
texture) against the default (other). About six minutes on two cores.
"""

import argparse
import json
import random
import shlex
import subprocess
import sys
from itertools import product
from pathlib import Path

from pairs import IMAGES, PAINTINGS, PHOTOS
from PIL import Image, ImageDraw

COMMAND = Path(sys.executable).parent / "neurotransfer"
MARGIN = 24


def painted(photo: str, painting: str, options: str, size: int, folder: Path) -> Path:
    """Return the picture of a pair, painted unless it is there."""
    path = folder / f"{photo}-{painting}.png"
    if not path.exists():
        pair = ["-c", IMAGES / f"{photo}.jpg", "-s", IMAGES / f"{painting}.jpg", "--size", str(size)]
        subprocess.run([COMMAND, "run", "-q", *pair, *shlex.split(options), "-o", path], check=True)
    return path


def sheet(photo: Path, left: Path, right: Path) -> Image.Image:
    """Lay out the photo, small, above two pictures."""
    pictures = [Image.open(path).convert("RGB") for path in (left, right)]
    width, height = pictures[0].size
    small = Image.open(photo).convert("RGB")
    small.thumbnail((width // 2, height // 2))
    whole = Image.new("RGB", (2 * width + 3 * MARGIN, small.height + height + 4 * MARGIN), "white")
    whole.paste(small, ((whole.width - small.width) // 2, MARGIN))
    draw = ImageDraw.Draw(whole)
    for number, picture in enumerate(pictures):
        left_edge = MARGIN + number * (width + MARGIN)
        whole.paste(picture, (left_edge, small.height + 2 * MARGIN))
        draw.text((left_edge + width // 2, small.height + height + 3 * MARGIN), "AB"[number], "black", font_size=18)
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--one", default="--preset texture")
    parser.add_argument("--other", default="")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--folder", type=Path, default=Path("output/blind"))
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    settings = {"one": options.one, "other": options.other}
    pairs = list(product(PHOTOS, PAINTINGS))
    chance.shuffle(pairs)
    key = {}
    for number, (photo, painting) in enumerate(pairs, start=1):
        pictures = {
            name: painted(photo, painting, given, options.size, options.folder / name)
            for name, given in settings.items()
        }
        names = chance.sample(list(settings), 2)
        sheet(IMAGES / f"{photo}.jpg", *(pictures[name] for name in names)).save(options.folder / f"{number}.png")
        key[number] = {
            "pair": f"{photo} x {painting}",
            **dict(zip("AB", (settings[name] for name in names), strict=True)),
        }
        print(f"{number} of {len(pairs)}", flush=True)
    (options.folder / "key.json").write_text(json.dumps(key, indent=1) + "\n")
    print(f"Look at {options.folder}/1.png to {len(pairs)}.png, write down A or B for each, then open key.json there.")


if __name__ == "__main__":
    main()
