"""Sheets of paper, in pixels."""

from collections.abc import Mapping
from types import MappingProxyType

PAPERS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "a2": (594.0, 420.0),
        "a3": (420.0, 297.0),
        "a4": (297.0, 210.0),
        "a5": (210.0, 148.0),
        "a6": (148.0, 105.0),
        "letter": (279.4, 215.9),
        "tabloid": (431.8, 279.4),
        "10x15": (150.0, 100.0),
        "13x18": (180.0, 130.0),
        "20x30": (300.0, 200.0),
        "30x45": (450.0, 300.0),
    }
)
"""Name -> (long side, short side) in millimetres."""

_INCH = 25.4


def long_side_on(paper: str, dpi: float, picture_size: tuple[int, int]) -> int:
    """Return the long side in pixels at which a picture of (width, height) just fits on the paper, either way up."""
    long_edge, short_edge = (edge / _INCH * dpi for edge in PAPERS[paper])
    return round(min(long_edge, short_edge * max(picture_size) / min(picture_size)))
