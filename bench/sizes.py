"""Seconds a megapixel an evaluation, and peak memory against its estimate, from 0.1 to 17.4 megapixels.

    python bench/sizes.py [--precision float32] [LIMIT]

Every line is a process of its own: a picture of the given size is evaluated at the default settings, first as a
whole (up to LIMIT gigabytes by the estimate, 12 unless given), then in tiles of several sizes. The seconds are those
of one update, gradient and Adam included; the peak is the whole process's.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

WINDOWS = (1_000_000, 700_000, 250_000)
SIZES = ((400, 300), (816, 612), (1600, 1200), (3264, 2448), (4961, 3508))
IMAGES = Path(__file__).parent.parent / "images"


def measure(width: int, height: int, max_tile_pixels: int | None, precision: str) -> dict[str, float]:
    """Run in a child process: the start, one timed update, and one that needs no gradient."""
    from PIL import Image

    from neurotransfer import Settings
    from neurotransfer.runs.recorder import peak_memory_mb
    from neurotransfer.transfer import memory
    from neurotransfer.transfer import stylize as pyramid

    settings = Settings(size="original", steps=2, octaves=False, precision=precision)
    (plan,) = (
        plan
        for plan in memory.memory_plans((width, height), settings, pyramid.choose_precision(precision))
        if plan.max_tile_pixels == max_tile_pixels
    )
    pyramid.plan_memory = lambda *_: plan
    photo, painting = (
        Image.open(IMAGES / f"{name}.jpg").convert("RGB").resize((width, height))
        for name in ("roebling_bridge", "starry_night")
    )
    marks = []
    for _ in pyramid.stylize(photo, painting, settings):
        marks.append(time.perf_counter())
    return {"seconds": marks[1] - marks[0], "peak": peak_memory_mb(), "estimate": plan.peak / 1e6}


def main(arguments: list[str]) -> None:
    from neurotransfer import Settings
    from neurotransfer.system.cpu import choose_precision
    from neurotransfer.transfer import memory

    precision = "float32" if "float32" in arguments else "auto"
    limits = [float(word) for word in arguments if word.replace(".", "").isdigit()]
    print("| megapixels | window | seconds | s/MP | peak MB | estimate MB | off |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for width, height in SIZES:
        millions = width * height / 1e6
        for plan in memory.memory_plans((width, height), Settings(octaves=False), choose_precision(precision)):
            if plan.peak / 1e9 > (limits or [12.0])[0] or plan.max_tile_pixels not in (None, *WINDOWS):
                continue
            child = [sys.executable, __file__, "child", json.dumps([width, height, plan.max_tile_pixels, precision])]
            row = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
            window = f"{plan.max_tile_pixels / 1e6:g}" if plan.max_tile_pixels else "whole"
            print(
                f"| {millions:.2f} | {window} | {row['seconds']:.2f} | {row['seconds'] / millions:.2f} "
                f"| {row['peak']:.0f} | {row['estimate']:.0f} | {row['estimate'] / row['peak'] - 1:+.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        print(json.dumps(measure(*json.loads(sys.argv[2]))))
    else:
        main(sys.argv[1:])
