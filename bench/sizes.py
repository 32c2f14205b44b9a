"""Seconds a megapixel an evaluation, and peak memory against its estimate, from 0.1 to 17.4 megapixels.

    python bench/sizes.py [--precision float32] [LIMIT]

Every line is a process of its own: a picture of the given size is evaluated at the default settings, first as a
whole (up to LIMIT gigabytes by the estimate, 12 unless given), then in tiles of several sizes. The seconds are those
of one step, gradient and Adam included; the peak is the whole process's.
"""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from PIL import Image

from neurotransfer import Settings, load_tensorflow, stylize
from neurotransfer.runs.recorder import peak_memory_mb
from neurotransfer.system.size import Size
from neurotransfer.transfer.memory import MemoryPlan, memory_plans
from neurotransfer.transfer.plan import Machine, Plan, make_plan

WINDOWS = (1_000_000, 700_000, 250_000)
SIZES = ((400, 300), (816, 612), (1600, 1200), (3264, 2448), (4961, 3508))
IMAGES = Path(__file__).parent.parent / "images"


def planned(width: int, height: int, precision: str, memory: MemoryPlan | None = None) -> tuple[Settings, Plan]:
    """Return settings and plan of two steps at this size; ``memory`` None: as this machine would do it."""
    settings = Settings(size="original", steps=2, octaves=False, precision=precision)
    plan = make_plan(Size(width, height), [Size(width, height)], settings, Machine.here(1e12))
    if memory is None:
        return settings, plan
    return settings, replace(
        plan, memory=memory, winograd=plan.precision != "float32" or memory.max_tile_pixels is None
    )


def measure(width: int, height: int, precision: str, memory: MemoryPlan) -> dict[str, float]:
    """Run in a child process: the start, one timed step, and one that needs no gradient."""
    load_tensorflow()
    settings, plan = planned(width, height, precision, memory)
    photo, painting = (
        Image.open(IMAGES / f"{name}.jpg").convert("RGB").resize((width, height))
        for name in ("roebling_bridge", "starry_night")
    )
    marks = []
    for _ in stylize(photo, painting, settings, plan=plan):
        marks.append(time.perf_counter())
    return {"seconds": marks[1] - marks[0], "peak": peak_memory_mb()}


def main(arguments: list[str]) -> None:
    precision = "float32" if "float32" in arguments else "auto"
    limits = [float(word) for word in arguments if word.replace(".", "").isdigit()]
    print("| megapixels | window | seconds | s/MP | peak MB | estimate MB | off |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for width, height in SIZES:
        millions = width * height / 1e6
        settings, plan = planned(width, height, precision)
        for memory in memory_plans(plan.size, settings, plan.precision):
            if memory.peak / 1e9 > (limits or [12.0])[0] or memory.max_tile_pixels not in (None, *WINDOWS):
                continue
            child = [sys.executable, __file__, "child", json.dumps([width, height, precision, memory])]
            row = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
            window = f"{memory.max_tile_pixels / 1e6:g}" if memory.max_tile_pixels else "whole"
            print(
                f"| {millions:.2f} | {window} | {row['seconds']:.2f} | {row['seconds'] / millions:.2f} "
                f"| {row['peak']:.0f} | {memory.peak / 1e6:.0f} | {memory.peak / 1e6 / row['peak'] - 1:+.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        *job, memory = json.loads(sys.argv[2])
        print(json.dumps(measure(*job, MemoryPlan(*memory))))
    else:
        main(sys.argv[1:])
