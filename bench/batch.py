"""Many pictures in one process: seconds, graphs and memory of each job.

    python bench/batch.py [--size N] [--steps N] [--jobs N] [--alone]

Paints the shipped photos in turn, all cut to one size, in the style of one painting. A session keeps the network, the
graphs and the style targets; `--alone` gives every job a session of its own.
"""

import argparse
import tempfile
import time
from pathlib import Path

import psutil
from pairs import PHOTOS, cut

from neurotransfer import Session, Settings, load_tensorflow, stylize


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    begun = time.perf_counter()
    load_tensorflow()
    print(f"TensorFlow loaded in {time.perf_counter() - begun:.2f} s")
    settings, session = Settings(size=options.size, steps=options.steps), Session()
    with tempfile.TemporaryDirectory() as temporary:
        photos = [cut(name, Path(temporary)) for name in PHOTOS]
        painting = cut("starry_night", Path(temporary))
        print("| job | seconds | traces | MB held |\n| --- | --- | --- | --- |")
        for job in range(1, options.jobs + 1):
            session = Session() if options.alone else session
            begun = time.perf_counter()
            for _ in stylize(photos[job % len(photos)], painting, settings, session=session):
                pass
            seconds, held = time.perf_counter() - begun, psutil.Process().memory_info().rss / 1e6
            if job <= 3 or job % 10 == 0 or job == options.jobs:
                print(f"| {job} | {seconds:.2f} | {session.traces} | {held:.0f} |", flush=True)


if __name__ == "__main__":
    main()
