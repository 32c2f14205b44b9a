"""The race: the old program's method against ours, from the shell prompt to the finished file.

    python bench/race.py [FOLDER]

For each pair at 400x300: the plain loop (plain_loop.py, start-up included), then ours with growing numbers of steps,
each a whole run of the installed command, until the saved picture is at least as good in content (within 2 %) and in
style, both measured on the saved 8-bit file in the terms of the seed preset. Prints that run's time and the ratio.
The plain loop's pictures stay in FOLDER, for quality.py.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pairs import cut

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).parent / "neurotransfer"
PAIRS = (("chelsea_cat", "starry_night"), ("astronaut", "reading"), ("roebling_bridge", "ducks"))
ENTRIES = {
    "fast (L-BFGS)": (["--preset", "fast"], (14, 17, 20, 24, 30)),
    "the same, Adam": (["--preset", "fast", "--optimizer", "adam", "--whitening", "0"], (36, 40, 45, 50, 60)),
    "default": (["--padding", "zeros"], (60, 80)),
}


def timed(*command: str | Path) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def measure(photo: Path, painting: Path, picture: Path) -> tuple[float, float]:
    arguments = ["evaluate", "--preset", "seed", "--json", "-c", photo, "-s", painting, picture]
    done = subprocess.run([COMMAND, *arguments], check=True, capture_output=True, text=True)
    (row,) = json.loads(done.stdout)["images"]
    return row["content"], row["style"]


def race(photo: Path, painting: Path, folder: Path, kept: Path) -> None:
    saved = kept / f"{photo.stem}-{painting.stem}.png"
    plain = timed(sys.executable, HERE / "plain_loop.py", photo, painting, saved)
    content, style = measure(photo, painting, saved)
    print(f"{photo.stem}, {painting.stem}")
    print(f"  {'plain loop':16} 500 steps {plain:6.1f} s  content {content:.3g}  style {style:.3g}", flush=True)
    for name, (options, counts) in ENTRIES.items():
        for steps in counts:
            result = folder / "ours.png"
            arguments = ["-c", photo, "-s", painting, "--size", "400", "--steps", str(steps), "-o", result]
            seconds = timed(COMMAND, "run", "-q", "--overwrite", *options, *arguments)
            ours = measure(photo, painting, result)
            if ours[0] <= 1.02 * content and ours[1] <= style:
                break
        verdict = f"{plain / seconds:.1f} times sooner" if ours[1] <= style else "not reached"
        print(
            f"  {name:16} {steps:3} steps {seconds:6.1f} s  content {ours[0]:.3g}  style {ours[1]:.3g}  {verdict}",
            flush=True,
        )


def main(kept: Path | None) -> None:
    for photo, painting in PAIRS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            race(cut(photo, folder), cut(painting, folder), folder, kept or folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
