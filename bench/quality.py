"""Pictures in figures and side by side: the 2017 baseline's against ours, for the nine sample pairs or for own photos.

    python bench/quality.py [--photos FOLDER --sheets FOLDER] [--plain FOLDER] [--ours OPTION...]

Prints a Markdown table and writes sheet-<painting>.jpg into docs/quality. `--photos FOLDER`: all pictures there instead
of the shipped photos, each in the style of the three shipped paintings; `--sheets` says where the sheets then go.
`--plain FOLDER`: where race.py left the baseline's pictures; for other pairs the baseline is `--preset classic`,
equal within 3 % (bench/classic.py), and the picture is kept there, too. Everything after `--ours` goes to
`neurotransfer run`.

Columns, all of the saved 8-bit file at 400x300:

- content, style: the terms of the preset `classic`, zero padding, as the 2017 baseline measured them;
- inner style: the same style term with replicated padding, that is, without the frame that zeros paint;
- held out: relative Gram distance at layers that nobody optimised, conv1_2, conv2_2, conv3_3, conv4_3 (mean);
- grain: energy above a quarter of the sampling rate over the painting's own;
- frame: mean and deviation of the outer 8 pixels over the inside's;
- line: how far the outermost row's mean colour is from that of the rows 4 to 10, in units of 0..255, mean of the sides;
- clipped: share of values at 0 or 255.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from objectives import objective_of
from pairs import PAINTINGS, PHOTOS, cut
from PIL import Image

from neurotransfer import Session, load_image, preset
from neurotransfer.system.array import Array
from neurotransfer.transfer.losses import gram
from neurotransfer.vgg.network import VGG19
from neurotransfer.vgg.weights import load_weights

HERE = Path(__file__).parent
SHEETS = HERE.parent / "docs" / "quality"
COMMAND = Path(sys.executable).parent / "neurotransfer"
HELD_OUT = ("conv1_2", "conv2_2", "conv3_3", "conv4_3")


class Judge:
    """Measures pictures against one photo and one painting."""

    def __init__(self, photo: Array, painting: Array) -> None:
        session, classic = Session("builtin"), preset("classic", precision="float32")
        self._plain = VGG19(load_weights("builtin"), "avg")
        self._objective = objective_of(session, classic, photo, painting)
        self._inner = objective_of(session, replace(classic, padding="replicate"), photo, painting)
        self._held_out = self._grams(painting)
        self._grain = grain(painting)

    def _grams(self, image: Array) -> list[Array]:
        features = self._plain(tf.constant(image[np.newaxis]), HELD_OUT)
        return [gram(features[name]).numpy() for name in HELD_OUT]

    def row(self, image: Array) -> dict[str, float]:
        losses = self._objective(image, gradient=False).losses
        pairs = zip(self._grams(image), self._held_out, strict=True)
        outer = np.ones(image.shape[:2], dtype=bool)
        outer[8:-8, 8:-8] = False
        return {
            "content": losses["content"],
            "style": losses["style"],
            "inner style": self._inner(image, gradient=False).losses["style"],
            "held out": float(np.mean([np.linalg.norm(g - s) / np.linalg.norm(s) for g, s in pairs])),
            "grain": grain(image) / self._grain,
            "frame mean": float(image[outer].mean() / image[~outer].mean()),
            "frame dev.": float(image[outer].std() / image[~outer].std()),
            "line": line(image),
            "clipped %": 100 * float(np.mean((image == 0) | (image == 255))),
        }


def grain(image: Array) -> float:
    """The part of a picture's variance at frequencies above a quarter of the sampling rate."""
    grey = image.mean(axis=2)
    spectrum = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    rows, columns = (np.abs(np.fft.fftfreq(length)) for length in grey.shape)
    return float(spectrum[np.hypot(rows[:, None], columns) > 0.25].sum() / grey.size**2)


def line(image: Array) -> float:
    """How much the outermost row differs in colour from those a little further in, mean of the four sides."""
    sides = (image, image[::-1], image.swapaxes(0, 1), image.swapaxes(0, 1)[::-1])
    return float(np.mean([np.abs(side[0].mean(axis=0) - side[3:10].mean(axis=(0, 1))).mean() for side in sides]))


def plain_picture(photo: Path, painting: Path, folder: Path) -> Path:
    path = folder / f"{photo.stem}-{painting.stem}.png"
    if not path.exists():
        files = ["-c", photo, "-s", painting, "-o", path]
        subprocess.run([COMMAND, "run", "-q", "--preset", "classic", "--size", "400", *files], check=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--plain", type=Path)
    parser.add_argument("--ours", nargs=argparse.REMAINDER, default=[])
    options = parser.parse_args()
    if (options.photos is None) != (options.sheets is None):
        parser.error("--photos and --sheets go together")
    photos = [path for path in sorted(options.photos.iterdir()) if path.is_file()] if options.photos else PHOTOS
    sheets = options.sheets or SHEETS
    sheets.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        kept = options.plain or folder
        (folder / "photos").mkdir()
        header_printed = False
        for painting_name in PAINTINGS:
            painting, tiles = cut(painting_name, folder), []
            for picture in photos:
                photo = cut(picture, folder / "photos")
                plain = plain_picture(photo, painting, kept)
                ours = folder / "ours.png"
                files = ["-c", photo, "-s", painting, "-o", ours, "--size", "400"]
                subprocess.run([COMMAND, "run", "-q", "--overwrite", *files, *options.ours], check=True)
                judge = Judge(load_image(photo), load_image(painting))
                for name, path in (("old", plain), ("ours", ours)):
                    row = judge.row(load_image(path))
                    if not header_printed:
                        print("| pair | program | " + " | ".join(row) + " |\n" + "| --- " * (len(row) + 2) + "|")
                        header_printed = True
                    figures = " | ".join(f"{value:.3g}" for value in row.values())
                    print(f"| {photo.stem}, {painting_name} | {name} | {figures} |", flush=True)
                    tiles.append(Image.fromarray(load_image(path).astype(np.uint8)))
            sheet = Image.new("RGB", (2 * 404, len(photos) * 304), "white")
            for number, tile in enumerate(tiles):
                sheet.paste(tile, (number % 2 * 404, number // 2 * 304))
            sheet.save(sheets / f"sheet-{painting_name}.jpg", quality=85)


if __name__ == "__main__":
    main()
