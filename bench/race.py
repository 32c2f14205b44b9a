"""The race: the 2017 baseline against this program, from the shell prompt to the finished file.

    python bench/race.py [--keep FOLDER] [PAIR ...]
    python bench/race.py --anishathalye [PAIR ...]

Every pair is painted at 400x300. First runs the baseline (plain_loop.py), start-up included. Then the installed command
runs with more and more steps, until its saved picture is at least as good: content loss within 2 % of the baseline's,
style loss at most the baseline's. Both losses are those of the preset `classic`, measured on the saved 8-bit files.
Prints the time of each last run, and how many times sooner it was done.

A PAIR is a photo and a painting, such as chelsea_cat,starry_night. `--keep` leaves the baseline's pictures in FOLDER,
for quality.py.

The second form races against 1000 steps of `--preset anishathalye --precision float32` with TensorFlow's own
convolutions, as that project has them. The losses are that project's, and the total loss takes the place of the style
loss.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pairs import cut

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).parent / "neurotransfer"
WITHOUT_WINOGRAD = """
from neurotransfer.system.tensorflow import load_tensorflow
load_tensorflow()
from neurotransfer.vgg.network import WINOGRAD_CHANNELS
WINOGRAD_CHANNELS.clear()
from neurotransfer.cli.main import main
main()
"""
PAIRS = (("chelsea_cat", "starry_night"), ("astronaut", "reading"), ("roebling_bridge", "ducks"))
ENTRIES = {
    "fast (L-BFGS)": (["--preset", "fast"], (13, 15, 17, 19, 21, 23, 25, 28)),
    "default (Adam)": ([], (44, 52, 60)),
    "fast, float32": (["--preset", "fast", "--precision", "float32"], (13, 17, 21, 25, 29)),
    "default, float32": (["--precision", "float32"], (52, 60)),
}
# One distance over the style layers, with the shares that the squares of that objective give them. Its fifth, conv5_1,
# follows the others by itself (docs/performance.md) and is left out, which saves a quarter of every step.
SHARES = {"conv1_1": 0.0225, "conv2_1": 0.0056, "conv3_1": 0.0014, "conv4_1": 0.00035}
ANISHATHALYE = {
    "L-BFGS, joint": (
        [
            "--preset",
            "fast",
            "--objective",
            "joint",
            "--pooling",
            "max",
            "--content-weight",
            "6.9",
            "--tv-weight",
            "0.06",
            "--whitening",
            "0.1",
        ]
        + [word for name, share in SHARES.items() for word in ("--style-layer", f"{name}={share}")],
        (40, 46, 52, 58, 64),
    ),
}


def timed(*command: str | Path) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def measure(photo: Path, painting: Path, picture: Path, preset: str) -> dict[str, float]:
    arguments = ["evaluate", "--preset", preset, "--json", "-c", photo, "-s", painting, picture]
    done = subprocess.run([COMMAND, *arguments], check=True, capture_output=True, text=True)
    (row,) = json.loads(done.stdout)["images"]
    return row


def arrived(ours: dict[str, float], target: dict[str, float], preset: str) -> bool:
    term = "style" if preset == "classic" else "total"
    return ours["content"] <= 1.02 * target["content"] and ours[term] <= target[term]


def line(name: str, steps: int, seconds: float, row: dict[str, float], verdict: str = "") -> str:
    terms = "  ".join(f"{term} {row[term]:.3g}" for term in ("content", "style", "tv", "total"))
    return f"  {name:16} {steps:4} steps {seconds:6.1f} s  {terms}  {verdict}"


def race(photo: Path, painting: Path, folder: Path, kept: Path, preset: str) -> None:
    inputs = ["-c", photo, "-s", painting, "--size", "400"]
    saved = kept / f"{photo.stem}-{painting.stem}.png"
    if preset == "classic":
        entries, steps = ENTRIES, 500
        before = timed(sys.executable, HERE / "plain_loop.py", photo, painting, saved)
    else:
        entries, steps = ANISHATHALYE, 1000
        arguments = ["run", "-q", "--preset", preset, "--precision", "float32", *inputs, "-o", saved]
        before = timed(sys.executable, "-c", WITHOUT_WINOGRAD, *arguments)
    target = measure(photo, painting, saved, preset)
    print(f"{photo.stem}, {painting.stem}")
    print(line("before", steps, before, target), flush=True)
    for name, (options, counts) in entries.items():
        for steps in counts:
            result = folder / "ours.png"
            arguments = [*options, *inputs, "--steps", str(steps), "-o", result]
            seconds = timed(COMMAND, "run", "-q", "--overwrite", *arguments)
            ours = measure(photo, painting, result, preset)
            done = arrived(ours, target, preset)
            if done:
                break
        verdict = f"{before / seconds:.1f} times sooner" if done else "not reached"
        print(line(name, steps, seconds, ours, verdict), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--anishathalye", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("pairs", nargs="*", type=lambda pair: tuple(pair.split(",")), default=PAIRS)
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    for photo, painting in options.pairs:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            inputs = cut(photo, folder), cut(painting, folder)
            race(*inputs, folder, options.keep or folder, "anishathalye" if options.anishathalye else "classic")


if __name__ == "__main__":
    main()
