"""The VGG-19 convolution weights: the copy inside the package, the installed full ones, or a user's file.

This module finds and reads them; it knows nothing of TensorFlow. Every layer of a user's file is checked before any
computation. The format is detected from the first bytes, not from the file name.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.files import sha256_of
from neurotransfer.system.npz import open_zip
from neurotransfer.vgg import cache
from neurotransfer.vgg.formats.keras import INSIDE, read_keras, read_keras_archive
from neurotransfer.vgg.formats.matconvnet import OFFICIAL_NAME, read_matconvnet
from neurotransfer.vgg.formats.npz import read_npz
from neurotransfer.vgg.kernels import Kernels, WrongNetworkError
from neurotransfer.vgg.layers import LAYERS

logger = logging.getLogger(__name__)

BUILTIN, FULL = "builtin", "full"
BUILTIN_SHA256 = "cd753858c6b6ec666110bc6222a96f7430bb3f59618dcbd1d5366322c053265c"

_BUILTIN_PATH = Path(__file__).parent.parent / "data" / "vgg19-8bit.npz"


@dataclass(frozen=True)
class Weights:
    """Kernels and biases, with the mean pixel that the network expects to be subtracted.

    ``layers`` maps a layer's name to (kernel (3, 3, in, out), bias (out,)), float32, RGB input.
    """

    layers: Kernels
    mean_pixel: tuple[float, float, float]
    source: "WeightsFile"


@dataclass(frozen=True)
class WeightsFile:
    """Path, format and hash of a weights file: what ``neurotransfer weights info`` prints."""

    path: Path
    layout: str  # "one byte a weight", "full precision", "MatConvNet, newer layout", "Keras, .h5", ...
    sha256: str

    def to_json(self) -> dict[str, str]:
        """Return name, layout and hash as plain values; the folder is left out, since it may be private."""
        return {"file": self.path.name, "layout": self.layout, "sha256": self.sha256}


def find_weights(choice: str | Path | None = None) -> Path:
    """Return the path of the weights to use.

    ``builtin``: the copy in the package. ``full``: the installed ones. A path: that file. None: what ``weights use``
    chose, else the built-in copy. No weights are read.

    Raises:
        InputError: the file does not exist, or no full weights are installed.
    """
    if choice is None:
        choice = FULL if cache.used_by_runs() else BUILTIN
        if choice == BUILTIN and Path(OFFICIAL_NAME).is_file():
            logger.info("%s lies in this folder and is not used; --weights %s uses it.", OFFICIAL_NAME, OFFICIAL_NAME)
    if str(choice) == BUILTIN:
        return _BUILTIN_PATH
    if str(choice) == FULL:
        return cache.required_entry().path
    return _file(Path(choice))


def _file(path: Path) -> Path:
    """Return ``path``; raise `InputError` unless it is a file."""
    try:
        if path.is_file():
            return path
        found = "a folder" if path.is_dir() else "a device or a pipe" if path.exists() else "nothing"
    except OSError as error:  # the name is too long, or its folder cannot be searched
        found = f"nothing ({error.strerror or error})"
    raise InputError(
        f"The weights {path} were expected to be a file, found {found}; "
        f"give the path of {OFFICIAL_NAME} or of another file of VGG-19, or 'builtin' for those in the package."
    )


def load_weights(choice: str | Path | None = None, layers: tuple[str, ...] = LAYERS) -> Weights:
    """Load the kernels of ``layers`` from the file that `find_weights` returns.

    Raises:
        InputError: the file is missing, damaged, or not the convolution part of VGG-19.
        NeurotransferError: a Keras file is given, and h5py is not installed.
    """
    return _load(find_weights(choice), layers)


def _load(path: Path, layers: tuple[str, ...] = LAYERS) -> Weights:
    expected = "expected VGG-19 as a file of MatConvNet (.mat), Keras (.h5, .keras) or NumPy (.npz)"
    advice = "give another file, or 'builtin' for the weights in the package"
    if path.parent == cache.folder():
        advice = "run 'neurotransfer weights remove' and fetch or import them again, or give '--weights builtin'"
    try:
        if path == _BUILTIN_PATH:
            kernels, mean, layout = read_npz(path, layers)
        else:
            kernels, mean, layout = _reader(path)(path)
        wanted = {name: kernels[name] for name in layers}
        return Weights(wanted, mean, WeightsFile(path, layout, sha256_of(path)))
    except WrongNetworkError as error:
        raise InputError(f"The weights {path} {error}; {expected}: {advice}.") from None
    except OSError as error:
        raise InputError(f"The weights {path} cannot be read ({error.strerror or error}); {advice}.") from None
    except MemoryError:
        raise InputError(f"The weights {path} need more memory than there is; {advice}.") from None


def _reader(path: Path) -> Callable[[Path], tuple[Kernels, tuple[float, float, float], str]]:
    with path.open("rb") as handle:
        start = handle.read(8)
    if start == b"\x89HDF\r\n\x1a\n":
        return read_keras
    if not start.startswith(b"PK"):
        return read_matconvnet
    try:
        with open_zip(path) as archive:
            return read_keras_archive if INSIDE in archive.namelist() else read_npz
    except Exception:  # a damaged archive
        return read_npz  # it reports what is wrong


def install(file: Path, source: str) -> cache.CacheEntry:
    """Read the weights ``file`` and store its convolution part as the full weights, which came from ``source``.

    The caller holds `cache.folder_to_fill`.

    Raises:
        InputError: the file does not hold VGG-19.
        NeurotransferError: the weights cannot be written.
    """
    loaded = _load(_file(file))
    return cache.store(loaded.layers, loaded.mean_pixel, source, loaded.source.layout, loaded.source.sha256)


def verify_weights() -> list[tuple[str, str, str]]:
    """Return (name, SHA-256, origin) of the built-in weights and, if they are installed, of the full ones.

    Raises:
        NeurotransferError: a file is damaged: its hash is not the recorded one.
    """
    rows = [(BUILTIN, _checked_hash(_BUILTIN_PATH, BUILTIN_SHA256, "reinstall neurotransfer"), "in the package")]
    entry = cache.entry()
    if entry is not None:
        remedy = "run 'neurotransfer weights remove' and fetch or import them again"
        digest = _checked_hash(cache.required_entry().path, entry.sha256, remedy)
        load_weights(FULL)
        rows.append((FULL, digest, f"from {entry.source}"))
    return rows


def _checked_hash(path: Path, expected: str, remedy: str) -> str:
    found = sha256_of(path) if path.is_file() else "nothing"
    if found != expected:
        raise NeurotransferError(
            f"The weights {path} are damaged: their SHA-256 was expected to be {expected}, found {found}; {remedy}."
        )
    return found
