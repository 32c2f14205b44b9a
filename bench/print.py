"""A photo painted for an A3 sheet, and the same pair at 512 pixels: the pictures and the report in docs/print.

    python bench/print.py [FOLDER]

Runs the two commands below, a quarter of an hour on two cores; FOLDER is what the first one made, if it was run before.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pairs import IMAGES
from PIL import Image

COMMAND = Path(sys.executable).parent / "neurotransfer"
PRINT = Path(__file__).parent.parent / "docs" / "print"
PAIR = ["-c", IMAGES / "roebling_bridge.jpg", "-s", IMAGES / "starry_night.jpg"]
WIDTH = 512


def main(arguments: list[str]) -> None:
    PRINT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        small = Path(temporary) / "small.png"
        subprocess.run([COMMAND, "run", *PAIR, "--size", str(WIDTH), "-o", small], check=True)
        folder = Path(arguments[0]) if arguments else Path(temporary) / "a3"
        if not arguments:
            options = ["--print", "a3", "--max-memory", "4G", "--snapshot-every", "0", "-o", f"{folder}/"]
            subprocess.run([COMMAND, "run", *PAIR, *options], check=True)
        (run,) = folder.glob("*/run.json")
        shutil.copy(run, PRINT / "run.json")
        with Image.open(small) as left, Image.open(run.with_name("final.png")) as right:
            height = left.height
            side_by_side = Image.new("RGB", (2 * WIDTH + 6, height), "white")
            side_by_side.paste(left, (0, 0))
            side_by_side.paste(right.resize((WIDTH, height), Image.Resampling.LANCZOS), (WIDTH + 6, 0))
            side_by_side.save(PRINT / "small-and-a3.jpg", quality=90)
            across, down = right.width // 2, right.height // 2
            right.crop((across, down, across + 2 * WIDTH, down + height)).save(PRINT / "detail.jpg", quality=90)


if __name__ == "__main__":
    main(sys.argv[1:])
