"""Which arithmetic this processor does fast: bfloat16 convolutions where it has instructions for them, else float32."""

import logging
from functools import cache
from pathlib import Path

logger = logging.getLogger(__name__)

_FAST_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
"""Flags of x86-64 processors on which a bfloat16 convolution takes about half the time of a float32 one. Without them
it is emulated, and slower."""


@cache
def choose_precision(setting: str) -> str:
    """Return ``float32`` or ``bfloat16``: ``setting``, or for ``auto`` what suits the processor."""
    if setting != "auto":
        return setting
    found = sorted(_FAST_BFLOAT16 & processor_flags())
    logger.debug(
        "Precision: %s (processor %s).",
        "bfloat16" if found else "float32",
        "has " + ", ".join(found) if found else "has no bfloat16 instructions",
    )
    return "bfloat16" if found else "float32"


@cache
def processor_flags() -> frozenset[str]:
    """Return the processor's feature flags as Linux names them; none on another system."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    lines = (line for line in text.splitlines() if line.startswith("flags"))
    return frozenset(next(lines, "").partition(":")[2].split())
