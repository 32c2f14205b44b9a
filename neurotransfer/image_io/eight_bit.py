"""8-bit colors of pictures that Pillow has loaded, composited over white in place."""

from PIL import Image, ImageChops

_TO_8_BITS = {"L;2": 85, "L;4": 17}
"""Pillow's name for the gray samples of a PNG file -> the factor by which it scales them to 8 bits.

Pillow does not scale the transparent gray.
"""


def eight_bit_colors(picture: Image.Image, name: str) -> tuple[Image.Image, Image.Image | None, str]:
    """Return the colors of a loaded picture, composited over white, its alpha, and the mode that its profile is for.

    The colors have mode L, RGB, CMYK, LAB, or RGBA whose fourth channel is to be ignored. ``name`` is Pillow's name for
    the samples of the file.
    """
    if picture.mode == "L" and isinstance(key := picture.info.get("transparency"), int):
        picture.info["transparency"] = key * _TO_8_BITS.get(name, 1)
    colors, alpha = _composited(picture)
    return colors, alpha, "RGB" if colors.mode == "RGBA" else colors.mode


def _composited(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colors of a loaded picture with 8 bits, composited over white, and its alpha."""
    if picture.mode == "RGB" and isinstance(key := picture.info.get("transparency"), tuple):
        alpha = _differs_from(picture, key)
        picture.paste((255, 255, 255), mask=ImageChops.invert(alpha))
        return picture, alpha
    if picture.has_transparency_data:
        gray = picture.mode in ("1", "L", "LA", "La")
        if picture.mode not in ("LA", "RGBA"):
            picture = picture.convert("LA" if gray else "RGBA")
        alpha = picture.getchannel("A")
        if picture.format == "BMP" and alpha.getextrema() == (0, 0):
            return picture, None  # many programs leave the alpha of a BMP file empty
        colors = picture.getchannel("L") if gray else picture
        # In place, and RGBA keeps its fourth channel: a copy without it would double the memory.
        colors.paste(255 if gray else (255,) * 4, mask=ImageChops.invert(alpha))
        return colors, alpha
    if picture.mode == "1":
        return picture.convert("L"), None
    if picture.mode in ("L", "RGB", "CMYK", "LAB"):
        return picture.copy() if picture.readonly else picture, None
    return picture.convert("RGB"), None


def _differs_from(picture: Image.Image, key: tuple[int, ...]) -> Image.Image:
    """Return the alpha of a picture in which the color ``key`` is transparent. Pillow itself would copy the picture."""
    if max(key) > 255:  # the key has 16 bits, the picture was read with 8
        key = tuple(value >> 8 for value in key)
    alpha = Image.new("L", picture.size)
    for band, value in zip("RGB", key, strict=True):
        differs = [0 if level == value else 255 for level in range(256)]
        alpha = ImageChops.lighter(alpha, picture.getchannel(band).point(differs))
    return alpha
