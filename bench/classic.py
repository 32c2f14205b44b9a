"""The preset `classic` against the plain loop on one pair at 400x300: their losses, and their saved pictures.

    python bench/classic.py [FOLDER]

Prints a table and writes docs/classic-curves.svg. That takes two runs of 500 steps, about four minutes each on two
cores. FOLDER keeps the pictures. The plain loop draws its own noise, so the losses are alike, not equal.
"""

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pairs import cut

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).parent / "neurotransfer"
CURVES = HERE.parent / "docs" / "classic-curves.svg"
SHOWN = (0, 20, 60, 100, 200, 300, 400, 500)


def main(folder: Path) -> None:
    photo, painting = cut("chelsea_cat", folder), cut("starry_night", folder)
    plain, ours = folder / "plain.png", folder / "ours"
    subprocess.run([sys.executable, HERE / "plain_loop.py", photo, painting, plain], check=True)
    subprocess.run(
        [COMMAND, "run", "--preset", "classic", "--size", "400", "-c", photo, "-s", painting, "-o", f"{ours}/"],
        check=True,
    )
    with plain.with_suffix(".csv").open() as handle:
        plain_rows = [(float(row["content"]), float(row["style"])) for row in csv.DictReader(handle)]
    log = json.loads((ours / "chelsea_cat-starry_night" / "run.json").read_text())
    our_rows = [(row["content"], row["style"]) for row in log["losses"]]
    print(f"{'step':>5}  {'plain content':>13}  {'style':>9}  {'our content':>11}  {'style':>9}  total, ours / plain")
    for step in SHOWN:
        (content, style), (our_content, our_style) = plain_rows[step], our_rows[step]
        ratio = (our_content + our_style) / (content + style)
        print(f"{step:5}  {content:13.4g}  {style:9.4g}  {our_content:11.4g}  {our_style:9.4g}  {ratio:.3f}")
    saved = [plain, ours / "chelsea_cat-starry_night" / "final.png"]
    subprocess.run([COMMAND, "evaluate", "--preset", "classic", "-c", photo, "-s", painting, *saved], check=True)
    CURVES.write_text(
        chart({"plain loop": [sum(row) for row in plain_rows], "neurotransfer": [sum(row) for row in our_rows]})
    )


def chart(curves: dict[str, list[float]]) -> str:
    """Return an SVG of losses (logarithmic) over steps."""
    from math import log10

    width, height, left, bottom = 720, 400, 60, 40
    values = [value for curve in curves.values() for value in curve]
    low, high = int(log10(min(values))), int(log10(max(values))) + 1
    steps = max(map(len, curves.values())) - 1

    def place(step: int, value: float) -> str:
        x = left + (width - left - 20) * step / steps
        y = 20 + (height - bottom - 20) * (high - log10(value)) / (high - low)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="13"><rect width="{width}" height="{height}" fill="white"/>'
    ]
    for power in range(low, high + 1):
        x, y = place(0, 10.0**power).split(",")
        parts.append(f'<line x1="{x}" y1="{y}" x2="{width - 20}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y}" dy="4" text-anchor="end">1e{power}</text>')
    for step in range(0, steps + 1, 100):
        x = place(step, 10.0**low).split(",")[0]
        parts.append(f'<text x="{x}" y="{height - 20}" text-anchor="middle">{step}</text>')
    for number, ((name, curve), color, dash) in enumerate(
        zip(curves.items(), ("#d1495b", "#00798c"), ("0", "6 4"), strict=True)
    ):
        points = " ".join(place(step, value) for step, value in enumerate(curve))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-dasharray="{dash}"/>')
        parts.append(f'<text x="{width - 160}" y="{50 + 20 * number}" fill="{color}">{name}</text>')
    parts.append(f'<text x="{width / 2}" y="{height - 4}" text-anchor="middle">step</text></svg>\n')
    return "".join(parts)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
