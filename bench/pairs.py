"""The pictures of the races: cuts of the shipped samples, all of one size."""

from pathlib import Path

from PIL import Image, ImageOps

IMAGES = Path(__file__).parent.parent / "images"
PHOTOS = ("astronaut", "chelsea_cat", "roebling_bridge")
PAINTINGS = ("starry_night", "reading", "ducks")


def cut(picture: str | Path, folder: Path, size: tuple[int, int] = (400, 300)) -> Path:
    """Save the largest middle part with the shape of ``size``, resampled to it, as a PNG in ``folder``.

    ``picture`` is a sample's name, or a file.
    """
    source = picture if isinstance(picture, Path) else IMAGES / f"{picture}.jpg"
    path = folder / f"{source.stem}.png"
    with Image.open(source) as opened:
        ImageOps.fit(opened.convert("RGB"), size, Image.Resampling.LANCZOS).save(path)
    return path
