"""Width and height of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

from neurotransfer.system.facts import Between

if TYPE_CHECKING:  # the help page knows sizes and must not wait for NumPy
    from neurotransfer.system.array import Array


_SIDES = Between(1, 1 << 24)


class Size(NamedTuple):
    """Width and height in pixels. The other order, (height, width), is an array's shape and nothing else."""

    width: Annotated[int, _SIDES]
    height: Annotated[int, _SIDES]

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.width * self.height

    @property
    def long_side(self) -> int:
        """The longer of the two sides."""
        return max(self)

    def __str__(self) -> str:
        """Return ``400x300``."""
        return f"{self.width}x{self.height}"


def fit(size: tuple[int, int], long_side: int) -> Size:
    """Return the size with the given long side and the aspect ratio of ``size`` (width, height)."""
    width, height = size
    scale = long_side / max(width, height)
    return Size(max(1, round(width * scale)), max(1, round(height * scale)))


def size_of(image: Array) -> Size:
    """Return the size of an array (height, width, ...)."""
    height, width = image.shape[:2]
    return Size(width, height)
