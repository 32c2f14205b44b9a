"""The photo and the painting that ship with the package, used when none is given."""

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
# In a wheel the pictures lie inside the package; in a checkout they lie in images/ beside it.
FOLDER = next(folder for folder in (_PACKAGE / "data" / "images", _PACKAGE.parent / "images") if folder.is_dir())

PHOTO = FOLDER / "chelsea_cat.jpg"
PAINTING = FOLDER / "starry_night.jpg"
