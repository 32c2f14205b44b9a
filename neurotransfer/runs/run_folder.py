"""Where a run's files go: decided, checked and claimed before anything is computed. Touches nobody else's file."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from neurotransfer.image_io.saving import check_extension, check_size
from neurotransfer.runs.earlier_run import clear, is_abandoned
from neurotransfer.system.errors import InputError
from neurotransfer.system.files import new_file, require_unlinked
from neurotransfer.system.lock import NAME as LOCK
from neurotransfer.system.lock import FolderLock
from neurotransfer.system.size import Size

DEFAULT_SNAPSHOT_EVERY = 20

_OWNERS = 0o600  # permissions to read and to write

MAX_STEM_BYTES = 60
"""Bytes of each picture's name in the name of a run folder: file systems allow 255, some 143."""


@dataclass(frozen=True)
class OutputPaths:
    """The paths of one run: the final picture, the snapshots' folder, and the log (None: no log)."""

    final: Path
    snapshots: Path
    snapshot_every: int
    log: Path | None
    overwrite: bool
    lock: FolderLock | None = field(default=None, compare=False)
    """Keeps the run's folder, or else that of its snapshots, to this process."""

    @property
    def folder(self) -> Path | None:
        """The run's own folder, if it has one."""
        return self.log.parent if self.log else None

    def final_path(self) -> Path:
        """Return where the final picture goes now: a free name if another file was made there meanwhile."""
        in_own_folder = self.log is not None
        return self.final if self.overwrite or in_own_folder else free_name(self.final)


def claim_output(
    output: str,
    name: str,
    size: Size,
    *,
    snapshot_every: int | None = None,
    overwrite: bool = False,
    bits: int = 8,
    inputs: Iterable[Path] = (),
) -> OutputPaths:
    """Decide the paths of a run called ``name`` and make sure that they can be written.

    ``output`` is a file if it ends with a picture's extension, else a folder that gets a folder of its own for the
    run: claimed here, with a number added to its name rather than touching an earlier run. Not even ``overwrite``
    replaces one of the ``inputs``, clears a folder that holds one, follows a link, or replaces in a folder what no run
    made.

    Raises:
        InputError: the extension is unknown or does not hold ``size`` (width, height) or ``bits`` a channel, the file
            exists, or the folder cannot be written to. Nothing was made.
    """
    if not output:
        raise InputError("--output is empty; expected a folder or a file name.")
    try:
        path = Path(output)
        if path.is_dir() or output.endswith(("/", os.sep)) or not path.suffix:
            every = DEFAULT_SNAPSHOT_EVERY if snapshot_every is None else snapshot_every
            folder, lock = _claim_folder(path, name, inputs, overwrite=overwrite)
            return in_folder(folder, every, lock, overwrite=overwrite)
        check_extension(path, bits)
        check_size(path, size)
        return _beside_file(path, snapshot_every or 0, inputs, overwrite=overwrite)
    except OSError as error:
        raise InputError(f"The output {output} cannot be used: {error.strerror or error}; choose another.") from None


def _beside_file(path: Path, every: int, inputs: Iterable[Path], *, overwrite: bool) -> OutputPaths:
    snapshots = path.with_name(f"{path.stem}-snapshots")
    if (path.exists() and not path.is_file()) or (every and snapshots.exists() and not snapshots.is_dir()):
        raise InputError(f"{path} cannot be made with its snapshots in {snapshots}; choose another --output.")
    for taken in (path, snapshots) if every else (path,):
        if os.path.lexists(taken) and not overwrite:
            raise InputError(f"{taken} exists already and stays as it is; choose another name, or give --overwrite.")
        require_unlinked(taken)
    for source in inputs:
        if source.resolve() == path.resolve() or (every and source.resolve().parent == snapshots.resolve()):
            raise InputError(
                f"{source} is what --overwrite would replace, and the run needs it; choose another --output."
            )
    _check_writable(path.parent)
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
        _check_writable(path.parent)
    if not every:
        return OutputPaths(path, snapshots, every, None, overwrite)
    lock = _claim_earlier(snapshots) if snapshots.exists() else _claim_new(snapshots)
    return OutputPaths(path, snapshots, every, None, overwrite, lock)


def in_folder(folder: Path, snapshot_every: int, lock: FolderLock, *, overwrite: bool = False) -> OutputPaths:
    """Return the paths of a run in a folder of its own."""
    return OutputPaths(folder / "final.png", folder, snapshot_every, folder / "run.json", overwrite, lock)


def free_name(path: Path) -> Path:
    """Return ``path``, or the first of ``name-2``, ``name-3``, ... that does not exist."""
    return next(name for name in _names(path) if not os.path.lexists(name))  # a dangling link is somebody's, too


def _names(path: Path) -> Iterator[Path]:
    yield path
    yield from (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))


def release(paths: OutputPaths) -> None:
    """Release the run's folder or that of its snapshots, and remove it if nothing was written into it."""
    if paths.lock is not None:
        paths.lock.release()
        with suppress(OSError):  # not empty, which is the rule, or gone
            (paths.folder or paths.snapshots).rmdir()


def _claim_folder(parent: Path, name: str, inputs: Iterable[Path], *, overwrite: bool) -> tuple[Path, FolderLock]:
    _check_writable(parent)
    folder = parent / name
    if overwrite and folder.is_dir():
        require_unlinked(folder)
        for path in inputs:
            if path.resolve().parent == folder.resolve():
                raise InputError(f"{path} lies in the folder that --overwrite is to clear; copy it elsewhere first.")
        return folder, _claim_earlier(folder)
    for folder in _names(parent / name):
        try:
            return folder, _claim_abandoned(folder) if os.path.lexists(folder) else _claim_new(folder)
        except FileExistsError:
            if not os.path.lexists(folder):
                raise InputError(
                    f"The folder {parent} cannot be made: it is a dangling symlink; choose another --output."
                ) from None
        except OSError as error:
            raise InputError(
                f"The folder {folder} cannot be made: {error.strerror}; choose another --output."
            ) from None
    raise AssertionError("names never end")


def _claim_new(folder: Path) -> FolderLock:
    folder.mkdir(parents=True)
    try:
        return FolderLock(folder)
    except BaseException:  # it cannot be used: no empty folder stays
        with suppress(OSError):
            (folder / LOCK).unlink(missing_ok=True)
            folder.rmdir()
        raise


def _claim_earlier(folder: Path) -> FolderLock:
    lock = FolderLock(folder)
    try:
        clear(folder)
    except BaseException:
        lock.release()
        raise
    return lock


def _claim_abandoned(folder: Path) -> FolderLock:
    """Take a folder over from a run that was killed before it saved anything; raise FileExistsError if it is none."""
    if is_abandoned(folder):
        with suppress(InputError):  # its run is at work
            lock = FolderLock(folder, strict=True)
            clear(folder)
            return lock
    raise FileExistsError


def _check_writable(folder: Path) -> None:
    """Raise `InputError` unless files can be made in ``folder`` or, if it is missing, in its nearest parent."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(f"The output folder {folder} cannot be made: {existing} is a file; choose another --output.")
    try:
        with new_file(existing) as (_, handle):
            mode = os.fstat(handle.fileno()).st_mode
    except OSError:
        raise InputError(
            f"The output folder {folder} cannot be written to: {existing.absolute()} is not writable; "
            "choose another --output."
        ) from None
    if mode & _OWNERS != _OWNERS:
        raise InputError(
            f"Files made in {existing.absolute()} could not be read by you, since the umask takes the permission away; "
            "run: umask 022"
        )


def run_name(content: Path, style: Path) -> str:
    """Return ``<content>-<style>`` from two picture files' names."""
    return f"{cut_name(content.stem)}-{cut_name(style.stem)}"


def cut_name(stem: str) -> str:
    """Return a picture file's name, cut where it is too long to be part of another name."""
    while len(os.fsencode(stem)) > MAX_STEM_BYTES:  # a letter may have four bytes
        stem = stem[:-1]
    return stem
