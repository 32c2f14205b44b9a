"""What decoding one untrusted file may take: pixels, memory, and time of a processor. Claims are held against it."""

from dataclasses import dataclass
from pathlib import Path

from neurotransfer.system.errors import InputError

MAX_PIXELS = 200_000_000
"""Pixels of a picture file, unless the user allows more. The largest photos of telephones have as many."""

_MAX_PIXELS_OF = {
    "TIFF": 160_000_000,
    "HEIF": 140_000_000,
    "AVIF": 140_000_000,
    "WEBP": 80_000_000,
    "JPEG2000": 70_000_000,
    "PNM": 100_000_000,
    "plain PNM": 20_000_000,
}
"""The same for formats whose decoders hold several copies. Reading takes less than 1.5 GB of memory (bench/fuzz.py)."""

_MAX_BYTES = 1_400_000_000
"""Memory that a decoder may take, of those whose need is known before."""
_MAX_BYTES_PER_PIXEL = 20
"""The same for each of the pixels that the user allows."""
_MAX_SECONDS = 4.0
"""Time of a processor that the parts of a file may take which are not simply its pixels."""


@dataclass(frozen=True)
class Budget:
    """What one file may take."""

    path: Path
    max_pixels: int | None = None
    """The most that the user allows; None: `MAX_PIXELS`, or less for formats that take more memory."""

    def check_size(self, size: tuple[int, int], form: str | None) -> None:
        """Raise `InputError` if width and height are more pixels than allowed for a format, by Pillow's name."""
        most = _MAX_PIXELS_OF.get(form or "", MAX_PIXELS) if self.max_pixels is None else self.max_pixels
        if size[0] * size[1] > most:
            raise InputError(
                f"{self.path} says that it is {size[0]}x{size[1]} pixels, more than {most:,}; "
                "if that is true, allow it with --max-pixels."
            )

    def check_bytes(self, needed: int, what: str) -> None:
        """Raise `InputError` if decoding needs too many bytes of memory. ``what`` the file is, and what to do."""
        most = max(_MAX_BYTES, _MAX_BYTES_PER_PIXEL * (self.max_pixels or 0))
        if needed > most:
            raise InputError(
                f"{self.path} needs {needed / 1e9:.1f} GB of memory to be read, more than {most / 1e9:.1f}, because it "
                f"{what}, or allow more with --max-pixels."
            )

    def check_seconds(self, needed: float, what: str) -> None:
        """Raise `InputError` if decoding could take too long. ``what`` the file does."""
        if needed > _MAX_SECONDS * max(1.0, (self.max_pixels or 0) / MAX_PIXELS):
            raise InputError(
                f"{self.path} cannot be read as a picture: it {what}, and would take too long. Save it again."
            )
