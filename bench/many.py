"""Many photos: `neurotransfer run` in a shell loop beside `neurotransfer batch`, seconds a photo and memory.

    python bench/many.py [--size N] [--steps N] [--photos N ...] [--jobs N ...] [--alone N]

The photos are cuts of the shipped ones, of several shapes. `--alone` photos at most are painted by the loop. For each
batch it also prints how much of its time passes between the first and the last step of a picture: the rest is the
program's start, reading, targets of the first size and writing. Memory is the worker's peak after its second photo and
after its last. About twenty minutes for 1, 10 and 100 photos of 256 pixels and 30 steps on two cores.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from pairs import IMAGES, PHOTOS
from PIL import Image

COMMAND = Path(sys.executable).parent / "neurotransfer"
PAINTING = IMAGES / "starry_night.jpg"
SHAPES = ((4, 3), (3, 4), (1, 1), (3, 2))


def cuts(folder: Path, count: int, side: int = 800) -> list[Path]:
    """Save photos of several shapes, each another part of a shipped one."""
    chance, found = random.Random(0), []
    for number in range(count):
        wide, high = SHAPES[number % len(SHAPES)]
        with Image.open(IMAGES / f"{PHOTOS[number % len(PHOTOS)]}.jpg") as picture:
            scale = 0.6 * min(picture.width / wide, picture.height / high)
            size = round(scale * wide), round(scale * high)
            left, top = (chance.randint(0, whole - part) for whole, part in zip(picture.size, size, strict=True))
            part = picture.crop((left, top, left + size[0], top + size[1]))
        path = folder / f"{number:03}.jpg"
        part.resize((round(side * wide / max(wide, high)), round(side * high / max(wide, high)))).save(path)
        found.append(path)
    return found


def by_loop(photos: list[Path], options: list[str], folder: Path) -> float:
    """Return the seconds a photo."""
    begun = time.perf_counter()
    for photo in photos:
        command = [COMMAND, "run", "-q", "-c", photo, "-s", PAINTING, *options, "-o", folder / f"{photo.stem}.png"]
        subprocess.run(command, check=True)
    return (time.perf_counter() - begun) / len(photos)


def by_batch(photos: list[Path], options: list[str], folder: Path, jobs: int) -> tuple[float, float, float, float]:
    """Return the seconds a photo, the share between first and last steps, and MB after the second and the last."""
    command = [COMMAND, "batch", *photos, "-s", PAINTING, *options, "-o", f"{folder}/", "--progress", "json"]
    begun = time.perf_counter()
    process = subprocess.Popen([*command, "-j", str(jobs)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    first, stepped, peaks = {}, 0.0, []
    for line in process.stderr:
        event, now = json.loads(line), time.perf_counter()
        if event["event"] == "step":
            first.setdefault(event["job"], now)
            last = now
        elif event["event"] == "done":
            stepped += last - first[event["job"]]
            peaks.append(max(map(peak, psutil.Process(process.pid).children())))
    process.wait()
    seconds = time.perf_counter() - begun
    return seconds / len(photos), stepped / jobs / seconds, peaks[min(1, len(peaks) - 1)], peaks[-1]


def peak(process: psutil.Process) -> float:
    """Return a process's largest memory so far, MB."""
    try:
        text = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0.0
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6 if "VmHWM:" in text else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--photos", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--alone", type=int, default=20)
    options = parser.parse_args()
    given = ["--size", str(options.size), "--steps", str(options.steps)]
    print("| photos | run | batch, jobs | times sooner | between steps | MB after 2 | after the last |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for count in options.photos:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            photos = cuts(folder, count)
            alone = by_loop(photos[: options.alone], given, folder)
            for jobs in options.jobs:
                if jobs <= count:
                    took, share, early, late = by_batch(photos, given, folder / f"jobs{jobs}", jobs)
                    print(
                        f"| {count} | {alone:.2f} s | {took:.2f} s, {jobs} | {alone / took:.1f} | {share:.0%} "
                        f"| {early:.0f} | {late:.0f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
