"""Checks what this machine can do, and names each problem with its remedy.

The checks change nothing. TensorFlow is loaded in a separate process, because it crashes on a processor that it was not
built for.
"""

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from neurotransfer.runs.installation import Finding
from neurotransfer.system.cpu import choose_precision, processor_flags, usable_cores
from neurotransfer.system.errors import NeurotransferError, reason_of
from neurotransfer.system.memory import allowance
from neurotransfer.system.size import Size
from neurotransfer.transfer.memory import largest_side
from neurotransfer.transfer.settings import DEFAULT
from neurotransfer.vgg import cache
from neurotransfer.vgg.weights import load_weights

FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")
"""Processor features that speed TensorFlow up, as Linux names them."""
UPPER_BOUND = Size(40_000, 30_000)
"""(width, height) of a picture that fits into the memory of no machine; the largest that fits is sought below it."""
TIMEOUT = 180  # seconds for loading TensorFlow
REMEDIES = {
    "folder": "change to another folder, or give --output.",
    "temporary": "set TMPDIR to a folder of your own.",
    "cache": "set XDG_CACHE_HOME to a folder of your own; only 'weights fetch' and 'import' need it.",
}
"""What to do if a place cannot be written to."""

_PROBE = """
import json
from neurotransfer.system.tensorflow import load_tensorflow
load_tensorflow()
import tensorflow as tf
print(json.dumps([tf.__version__, [device.name for device in tf.config.list_physical_devices("GPU")]]))
"""


def examine() -> Iterator[Finding]:
    """Yield the findings of every check; a check that raises becomes a finding. See also `installation`."""
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "tensorflow": check_tensorflow,
        "processor": check_processor,
        "memory": check_memory,
        "weights": check_weights,
        "writing": check_writing,
    }
    for name, check in checks.items():
        try:
            yield from check()
        except Exception as error:  # the other checks must still run
            reason = f"{type(error).__name__}: {reason_of(error)}"
            yield Finding(name, "unknown", f"It could not be checked ({reason}); please report this.")


def check_tensorflow() -> Iterator[Finding]:
    """Load TensorFlow in another process; yield its version and its devices."""
    remedy = "run: pip install --force-reinstall neurotransfer"
    try:
        done = subprocess.run(  # noqa: S603 (our own interpreter and text; -P: no modules from the working folder)
            [sys.executable, "-P", "-c", _PROBE], capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        yield Finding("tensorflow", "silent", f"It did not load within {TIMEOUT} s; {remedy}")
        return
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:200]
        if "NeurotransferError: " in reason:  # it says what to do
            yield Finding("tensorflow", "cannot be loaded", reason.partition("NeurotransferError: ")[2])
            return
        if done.returncode < 0:
            reason = f"it was ended by signal {-done.returncode}, as on a processor without AVX"
        if limit := _low_address_limit():
            remedy = f"addresses are limited to {limit / 1e9:.1f} GB, of which it needs 2; run: ulimit -v unlimited"
        yield Finding("tensorflow", "cannot be loaded", f"TensorFlow does not load ({reason}); {remedy}")
        return
    found, gpus = json.loads(done.stdout.splitlines()[-1])
    yield Finding("tensorflow", found)
    yield Finding("device", ", ".join(gpus) if gpus else f"processor, {usable_cores():g} cores")


def _low_address_limit() -> int | None:
    """Return the limit of the address space in bytes (``ulimit -v``) if it may be too low for TensorFlow, else None."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return soft if soft != resource.RLIM_INFINITY and soft < 2e9 else None


def check_processor() -> Iterator[Finding]:
    """Yield the features of the processor, and the precision that suits them."""
    flags = processor_flags()
    problem = None
    if flags and platform.machine() in ("x86_64", "AMD64") and "avx" not in flags:
        problem = "TensorFlow needs a processor with AVX: run neurotransfer on another machine."
    found = " ".join(name for name in FLAGS if name in flags) if flags else "unknown on this system"
    yield Finding("features", found or "none that matter", problem)
    yield Finding("precision", f"{choose_precision('auto')} (--precision auto)")


def check_memory() -> Iterator[Finding]:
    """Yield the memory, and the largest picture that fits into it at default settings."""
    allowed = allowance()
    yield Finding(
        "memory",
        f"{psutil.virtual_memory().total / 1e9:.1f} GB, {psutil.virtual_memory().available / 1e9:.1f} GB available, "
        f"{allowed / 1e9:.1f} GB for a run",
    )
    side = largest_side(UPPER_BOUND, DEFAULT, choose_precision(DEFAULT.precision), allowed)
    problem = None
    if side is None or side < int(DEFAULT.size):
        problem = f"A picture of --size {DEFAULT.size} does not fit: close other programs, or lift the memory limit."
    yield Finding("largest", f"{side}x{side * 3 // 4} pixels" if side else "none", problem)


def check_weights() -> Iterator[Finding]:
    """Yield the weights that runs use, and whether full ones are installed."""
    try:
        source = load_weights().source
        yield Finding("weights", f"{source.path.name}, {source.layout}")
    except NeurotransferError as error:
        yield Finding("weights", "cannot be used", str(error))
    try:
        entry = cache.required_entry() if cache.entry() else None
        used = "used by runs" if entry and entry.used else "not used: neurotransfer weights use full"
        yield Finding("full", f"installed from {entry.source}, {used}" if entry else "not installed")
    except NeurotransferError as error:
        yield Finding("full", "damaged", str(error))


def check_writing() -> Iterator[Finding]:
    """Yield whether files can be created in the working folder, the one for temporary files and the cache."""
    places = {"folder": Path(), "temporary": Path(tempfile.gettempdir()), "cache": cache.folder()}
    for name, place in places.items():
        if place is None:
            yield Finding(name, "no home folder, so no weights are kept")
            continue
        try:
            place = place.resolve()
        except FileNotFoundError:  # only the working folder must exist: the others' paths are absolute
            yield Finding(name, "gone", "The working folder was removed: change to another folder.")
            continue
        nearest = next(path for path in (place, *place.parents) if path.exists())
        try:
            with tempfile.TemporaryFile(dir=nearest):
                problem = None
        except OSError as error:
            reason = error.strerror or str(error)
            problem = f"{nearest} cannot be written to ({reason}): {REMEDIES[name]}"
        yield Finding(name, f"{place}", problem)
