"""A bad night: a batch with broken photos and killed workers, and one that is killed ten times. Raises if it loses any.

    python bench/night.py [--photos N] [--kills N] [--seed N]

First 100 small photos, ten of which are broken in ten ways; the worker of one is killed twice. All others must be
painted, and a second run must paint nothing but what failed. Then a batch is killed with kill -9 at random moments and
begun again: every result must be whole, and none that was finished be painted twice. Some ten minutes on two cores.
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
from many import PAINTING, cuts
from PIL import Image

COMMAND = Path(sys.executable).parent / "neurotransfer"
QUICK = ["--size", "64", "--steps", "8"]


def break_ten(photos: list[Path]) -> list[Path]:
    """Break ten photos, each in another way."""
    good = photos[0].read_bytes()
    ways = {
        "empty": b"",
        "text": b"this is no picture\n",
        "cut": good[: len(good) // 3],
        "header": good[:20],
        "zeros": bytes(5000),
        "raw": b"II*\0\x08\0\0\0" + bytes(200),
        "page": b"<!DOCTYPE html><html><body>not found</body></html>",
        "film": b"\0\0\0\x20ftypisom" + bytes(300),
        "drawing": b"8BPS\0\1" + bytes(100),
    }
    chosen = photos[5 :: len(photos) // 10][:10]
    for path, content in zip(chosen, ways.values(), strict=False):
        path.write_bytes(content)
    Image.effect_noise((200, 200), 90).save(chosen[-1], format="PNG")
    chosen[-1].write_bytes(chosen[-1].read_bytes()[:9000])  # a download that was cut off
    return chosen


def start(photos: Path, output: Path) -> subprocess.Popen[str]:
    command = [COMMAND, "batch", photos, "-s", PAINTING, *QUICK, "-o", f"{output}/", "--progress", "json"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def rows(output: Path) -> dict[str, str]:
    return {Path(row["content"]).name: row["status"] for row in json.loads((output / "batch.json").read_text())["jobs"]}


def kill_worker(parent: int) -> None:
    for child in psutil.Process(parent).children():
        if "resource_tracker" not in " ".join(child.cmdline()):
            child.kill()


def bad_photos(folder: Path, count: int) -> None:
    photos, output = folder / "photos", folder / "styled"
    photos.mkdir()
    paths = cuts(photos, count, side=96)
    broken = {path.name for path in break_ten(paths)}
    victim = next(path.name for path in paths[20:] if path.name not in broken)
    process, kills = start(photos, output), 0
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "start" and Path(event["content"]).name == victim and kills < 2:
            kills += 1
            kill_worker(process.pid)
    code, found = process.wait(), rows(output)
    failed = {name for name, status in found.items() if status == "failed"}
    print(f"{count} photos: exit code {code}, {len(found) - len(failed)} painted, failed: {len(failed)}")
    assert code == 1
    assert failed == broken | {victim}, failed ^ (broken | {victim})
    assert len(list(output.glob("*.png"))) == count - len(failed)
    before = {path.name: path.stat().st_mtime_ns for path in output.glob("*.png")}
    process = start(photos, output)
    process.communicate()
    code, found = process.returncode, rows(output)
    painted = [name for name, status in found.items() if status == "painted"]
    print(f"again: exit code {code}, painted {painted}")
    assert (code, painted) == (1, [victim])
    assert all((output / name).stat().st_mtime_ns == when for name, when in before.items())


def kills(folder: Path, count: int, chance: random.Random) -> None:
    photos, output = folder / "more", folder / "killed"
    photos.mkdir()
    cuts(photos, 40, side=96)
    finished: dict[str, int] = {}
    for number in range(count):
        process = start(photos, output)
        time.sleep(chance.uniform(0.5, 9.0))
        process.kill()
        process.communicate()
        now = {path.name: path.stat().st_mtime_ns for path in output.glob("*.png")}
        for name, when in finished.items():
            assert now.get(name) == when, f"{name} was painted twice, or is gone"
        for name in now:
            with Image.open(output / name) as picture:
                picture.load()
        finished = now
        print(f"kill {number + 1}: {len(now)} results, all whole", flush=True)
    process = start(photos, output)
    process.communicate()
    print(f"at last: exit code {process.returncode}, {len(list(output.glob('*.png')))} results")
    assert process.returncode == 0
    assert all((output / name).stat().st_mtime_ns == when for name, when in finished.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        bad_photos(Path(temporary), options.photos)
        kills(Path(temporary), options.kills, random.Random(options.seed))


if __name__ == "__main__":
    main()
