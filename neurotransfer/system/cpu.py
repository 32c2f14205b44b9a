"""Which arithmetic this processor does fast: bfloat16 convolutions where it has instructions for them, else float32."""

import logging
import os
import time
from functools import cache
from pathlib import Path

import numpy as np

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


def cores() -> int:
    """Return the number of the processor's cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def product_rate(size: int = 256) -> float:
    """Return the FLOPs a second of float32 matrix products on all cores, within some 0.01 s.

    Measured on one, with products too small to be shared: where other work goes on, sharing them takes many times
    as long as it should, while the best of many small ones hardly changes.
    """
    matrix = np.ones((size, size), dtype=np.float32)
    taken = []
    for _ in range(30):
        begun = time.perf_counter()
        matrix @ matrix
        taken.append(time.perf_counter() - begun)
    return cores() * 2.0 * size**3 / min(taken)
