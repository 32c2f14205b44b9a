"""The pictures of the races: cuts of the shipped samples, all of one size."""

from pathlib import Path

from PIL import Image, ImageOps

IMAGES = Path(__file__).parent.parent / "images"
PHOTOS = ("astronaut", "chelsea_cat", "roebling_bridge")
PAINTINGS = ("starry_night", "reading", "ducks")


def cut(name: str, folder: Path, size: tuple[int, int] = (400, 300)) -> Path:
    """Save the largest middle part of a sample with the shape of ``size``, resampled to it, as a PNG in ``folder``."""
    path = folder / f"{name}.png"
    with Image.open(IMAGES / f"{name}.jpg") as picture:
        ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.LANCZOS).save(path)
    return path
