"""Finds the control groups of this process, whose limits containers and services set (Linux)."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_ROOT = Path("/")


def group_folders(controller: str, root: Path = _ROOT) -> Iterator[Path]:
    """Yield the folders of the process's group and of all groups above it, of version 2 and of version 1.

    Of version 1, each ``controller`` (``memory``, ``cpu``) has groups of its own. A folder need not exist.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no control groups
        lines = []
    own = {"": "/", controller: "/"}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        own.update({name: path for name in controllers.split(",") if name in own})
    for name, base in (("", "sys/fs/cgroup"), (controller, f"sys/fs/cgroup/{controller}")):
        # Inside a container the path may be the host's; then its own group is the one at the base.
        inner = PurePosixPath(own[name].lstrip("/"))
        yield from (root / base / group for group in (inner, *inner.parents))
