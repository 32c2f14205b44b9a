"""What this process may use of the processor: cores, speed, and bfloat16 convolutions where they are fast."""

import logging
import math
import os
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from neurotransfer.system.control_groups import group_folders
from neurotransfer.system.errors import InputError

logger = logging.getLogger(__name__)

_FAST_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
"""Flags of x86-64 processors on which a bfloat16 convolution takes about half the time of a float32 one. Without them
it is emulated, and slower."""

_ONEDNN, _LIMITS = "TF_ENABLE_ONEDNN_OPTS", ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_OLDER = re.compile("SSE41|AVX|AVX2|AVX2_VNNI|AVX2_VNNI_2|AVX512_CORE|AVX512_CORE_VNNI")
"""Values of the limits that exclude the instructions for bfloat16; values that oneDNN does not know limit nothing."""
_WITHOUT_AVX512 = re.compile("=(SSE41|AVX|AVX2|AVX2_VNNI|AVX2_VNNI_2)$")

_PROBE_SECONDS, _PRODUCTS = 0.02, 10


def choose_precision(setting: str) -> str:
    """Return ``float32`` or ``bfloat16``: ``setting``, or for ``auto`` what suits the processor and TensorFlow."""
    if setting != "auto":
        return setting
    return "bfloat16" if _FAST_BFLOAT16 & processor_flags() and not bfloat16_switch() else "float32"


def announce_precision(setting: str) -> None:
    """Log which precision was chosen, and why, if the setting is ``auto``.

    Raises:
        InputError: bfloat16 is asked for where TensorFlow has no instructions to emulate it with.
    """
    found, switch = sorted(_FAST_BFLOAT16 & processor_flags()), bfloat16_switch()
    if setting == "bfloat16" and switch and _WITHOUT_AVX512.search(switch.upper()):
        raise InputError(
            f"--precision bfloat16 does not work with {switch}; unset the variable, or leave the option out."
        )
    if setting != "auto":
        return
    if not found:
        logger.debug("Precision: float32 (processor has no bfloat16 instructions).")
    elif switch:
        logger.info("Precision: float32, because of %s; unset the variable to take half the time.", switch)
    else:
        logger.debug("Precision: bfloat16 (processor has %s).", ", ".join(found))


def bfloat16_switch() -> str | None:
    """Return the environment variable, with its value, that keeps TensorFlow from bfloat16 instructions, if any.

    They are used by oneDNN, which can be switched off or limited to older instructions.
    """
    if os.environ.get(_ONEDNN, "1").strip().lower() in ("0", "false"):
        return f"{_ONEDNN}={os.environ[_ONEDNN]}"
    for name in _LIMITS:
        if value := os.environ.get(name):
            return f"{name}={value}" if _OLDER.fullmatch(value.upper()) else None
    return None


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
    """Return the number of threads that pay: the processor's cores that this process may use, or its quota of them."""
    return max(1, math.ceil(usable_cores()))


def usable_cores(root: Path = Path("/")) -> float:
    """Return how many cores' time this process may use: it may be bound to some, and its control group have a quota."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([float(count), *_quotas(root)])


def _quotas(root: Path) -> Iterator[float]:
    """Yield the cores that the control groups of this process leave it, of version 2 and of version 1."""
    for folder in group_folders("cpu", root):
        for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            try:
                quota, period = (int(part) for name in names for part in (folder / name).read_text().split())
            except (OSError, ValueError):  # another version, no such group here, or no limit ("max")
                continue
            if quota > 0 and period > 0:
                yield quota / period


def product_rate(size: int = 64) -> float:
    """Return the FLOPs a second of float32 matrix products on all usable cores, within some 0.02 s.

    Measured on one core, as the best of many products that are too small to be shared: beside other work, each runs
    undisturbed or not, while a shared one waits for cores that others have.
    """
    matrix = np.ones((size, size), dtype=np.float32)
    best, end = math.inf, time.perf_counter() + _PROBE_SECONDS
    while (begun := time.perf_counter()) < end:
        for _ in range(_PRODUCTS):
            matrix @ matrix
        best = min(best, (time.perf_counter() - begun) / _PRODUCTS)
    return usable_cores() * 2.0 * size**3 / best


def slowdown() -> float:
    """Return how many times longer a run takes if other work stays as it was in the last minute; 1: no longer."""
    if not hasattr(os, "getloadavg"):  # Windows
        return 1.0
    return max(1.0, (os.getloadavg()[0] + cores()) / (os.cpu_count() or 1))
