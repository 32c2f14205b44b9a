"""Checks that Python and the packages that the program needs can be used, and names the file where one cannot.

Imports nothing but Python's own modules: it must work where the others do not.
"""

import json
import os
import platform
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = {
    "numpy": ("numpy", "numpy.ones(2) @ numpy.ones(2)"),
    "scipy": ("scipy.ndimage", "scipy.ndimage.map_coordinates"),
    "pillow": ("PIL.ImageCms", "PIL.ImageCms.createProfile('sRGB')"),
    "click": ("click", "click.Command"),
    "psutil": ("psutil", "psutil.virtual_memory()"),
    "rich": ("rich", "rich.get_console()"),
    "pypng": ("png", "png.Writer"),
    "tifffile": ("tifffile", "tifffile.TiffWriter"),
    "filelock": ("filelock", "filelock.FileLock"),
    "requests": ("requests", "requests.get"),
    "platformdirs": ("platformdirs", "platformdirs.user_cache_path"),
}
"""Package -> the module that is imported of it, and what must be possible then."""
PYTHONS = ((3, 11), (3, 13))
"""First and last supported version."""
_TIMEOUT = 60  # seconds for importing all packages

_PROBE = """
import importlib.util, json, sys
for name, (module, trial) in json.loads(sys.argv[1]).items():
    file = importlib.util.find_spec(module.partition(".")[0]).origin
    print(json.dumps([name, file, "it ends Python"]), flush=True)
    try:
        exec(f"import {module}\\n{trial}")
    except BaseException as raised:
        print(json.dumps([name, file, f"{type(raised).__name__}: {raised}"]), flush=True)
        break
    print(json.dumps([name, file, None]), flush=True)
"""
"""Says of each package which file is loaded, and what is wrong; after the first that is, others may fail with it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    name: str
    found: str
    problem: str | None = None
    """What is wrong, and its remedy in one line; None: nothing is wrong."""


def check_installation() -> Iterator[Finding]:
    """Yield the versions of Python, of the system, and of every package in `PACKAGES`."""
    lowest, highest = (".".join(map(str, numbers)) for numbers in PYTHONS)
    fits = PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]
    problem = f"Python {lowest} to {highest} is needed: make the environment again with python{highest}."
    yield Finding("python", platform.python_version(), None if fits else problem)
    yield Finding("system", f"{platform.system()} {platform.release()}, {platform.machine()}")
    yield from check_packages(["neurotransfer", *PACKAGES])


def check_packages(names: list[str]) -> Iterator[Finding]:
    """Yield the version of each package; those of `PACKAGES` are tried, up to the first that cannot be used."""
    installed = {name: _version(name) for name in names}
    tried = _tried({name: PACKAGES[name] for name in names if name in PACKAGES and installed[name]})
    for name, found in installed.items():
        file, error = tried.get(name, ("", None))
        if found is None:
            yield Finding(name, "not installed", f"Run: pip install {name}")
        elif error is None:
            yield Finding(name, found)
        else:
            yield Finding(name, "cannot be loaded", f"{file} cannot be used ({error}); {_remedy(name, file)}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _tried(packages: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str | None]]:
    """Return for each package that was tried the file that is loaded, and why it cannot be used; None: it can.

    They are loaded in another process, since one may end it.
    """
    command = [sys.executable, "-P", "-c", _PROBE, json.dumps(packages)]  # -P: no modules from the working folder
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)  # noqa: S603
        told = done.stdout
    except subprocess.TimeoutExpired as error:
        told = (error.stdout or b"").decode(errors="replace")
    lines = [json.loads(line) for line in told.splitlines() if line.startswith('["')]
    return {name: (file, error and error.splitlines()[0][:200].rstrip(".")) for name, file, error in lines}


def _remedy(name: str, file: str) -> str:
    """Return what to do about a package that is loaded from ``file`` and cannot be used."""
    inside, place = [Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")], Path(file)
    if any(place.is_relative_to(folder) for folder in inside):
        return f"run: pip install --force-reinstall {name}"
    if any(folder and place.is_relative_to(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        return "the variable PYTHONPATH leads there: unset it, or take the file away"
    if place.is_relative_to(site.getusersitepackages()):
        return f"it is among the user's own packages: run: pip uninstall {name}, or set PYTHONNOUSERSITE=1"
    return "take the file away"
