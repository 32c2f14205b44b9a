"""How much memory this process may take: what the system, its control group and its own limits leave. Bytes."""

import re
from collections.abc import Iterator
from pathlib import Path

import psutil

from neurotransfer.system.control_groups import group_folders

SAFE_SHARE = 0.8
"""Of the memory that is free: the rest is for what else the machine does."""
_LIMITS_AND_USAGES = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""Names of a control group's files, of version 2 and of version 1."""
_ADDRESSES = 0.9e9  # taken by TensorFlow but not used; counts where the address space is limited


def allowance() -> float:
    """Return the bytes that this process may safely hold in all: what it has, and a share of what is free.

    Free is what the system has available, what the control group allows, and what the process's own limits leave.
    """
    resident = float(psutil.Process().memory_info().rss)
    free = min([float(psutil.virtual_memory().available), *group_room(), *process_room()])
    return resident + SAFE_SHARE * max(0.0, free)


def group_room(root: Path = Path("/")) -> Iterator[float]:
    """Yield what the process's control group and all groups above it leave, of version 2 and of version 1."""
    for folder in group_folders("memory", root):
        for limit, usage in _LIMITS_AND_USAGES:
            try:
                allowed, used = (int((folder / name).read_text()) for name in (limit, usage))
                stale = re.search(r"^inactive_file (\d+)$", (folder / "memory.stat").read_text(), re.MULTILINE)
            except (OSError, ValueError):  # another version, no such group here, or no limit ("max")
                continue
            # Cached files that nobody has used lately are given up before anything is killed.
            yield float(allowed - used + (int(stale[1]) if stale else 0))


def process_room() -> Iterator[float]:
    """Yield what the process's own limits (ulimit -v, -d) leave."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = psutil.Process().memory_info()
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        yield float(soft - used.vms - _ADDRESSES)
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if soft != resource.RLIM_INFINITY:
        yield float(soft - used.rss)
