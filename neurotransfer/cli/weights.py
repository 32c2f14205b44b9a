"""The commands around a run: ``neurotransfer weights ...`` and ``neurotransfer doctor``."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neurotransfer.cli.console import echo_line
from neurotransfer.cli.option_types import DURATION, PATH, WEIGHTS
from neurotransfer.cli.options import option
from neurotransfer.cli.progress import download_progress
from neurotransfer.system.errors import InputError, NeurotransferError
from neurotransfer.system.files import require_unlinked

if TYPE_CHECKING:  # NumPy, which the module imports, would delay --help
    from neurotransfer.runs.installation import Finding
    from neurotransfer.vgg.cache import CacheEntry


@click.group()
def weights() -> None:
    """Show the VGG-19 weights, fetch, import, choose, check and quantize them."""


@weights.command()
@option("--weights", "choice", type=WEIGHTS, metavar="builtin|full|PATH", default=None, help="As for run.")
@option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(choice: str | None, as_json: bool) -> None:
    """Print which weights would be used: their path, layout and hash."""
    from neurotransfer.vgg.weights import load_weights

    source = load_weights(choice).source
    if as_json:
        click.echo(json.dumps({**source.to_json(), "path": str(source.path)}))
        return
    for name, value in (("file", source.path), ("layout", source.layout), ("sha256", source.sha256)):
        echo_line(f"{name:7} {value}")


@weights.command()
@option("--url", "addresses", multiple=True, metavar="ADDRESS", show_default="where MatConvNet published it",
        help="A mirror of the file; repeatable, tried in this order.")  # fmt: skip
@option("--sha256", metavar="HEX", show_default="the official file's MD5", help="Hash of another file of VGG-19.")
@option("--timeout", type=DURATION, default=30.0, show_default="30s",
        help="Time without a byte after which a connection is given up.")  # fmt: skip
@option("-q", "--quiet", is_flag=True, help="Print errors only.")
def fetch(addresses: tuple[str, ...], sha256: str | None, timeout: float, quiet: bool) -> None:
    """Download the official full-precision weights (580 MB) and keep what is needed of them (80 MB)."""
    from neurotransfer.vgg import cache
    from neurotransfer.vgg.download import ADDRESSES, download_weights
    from neurotransfer.vgg.weights import install

    with cache.folder_to_fill() as folder:
        with download_progress(quiet=quiet) as report:
            path, address = download_weights(addresses or ADDRESSES, sha256, folder, timeout=timeout, report=report)
        try:
            entry = install(path, address)
        except InputError:  # it is no network; after anything else, the next fetch installs it
            path.unlink()
            raise
        path.unlink()
    _report_installed(entry, quiet=quiet)


@weights.command("import")
@click.argument("file", type=PATH)
@option("-q", "--quiet", is_flag=True, help="Print errors only.")
def import_(file: Path, quiet: bool) -> None:
    """Keep the weights in FILE as the full ones: MatConvNet .mat, Keras .h5 or .keras, NumPy .npz."""
    from neurotransfer.vgg import cache
    from neurotransfer.vgg.weights import install

    with cache.folder_to_fill():
        entry = install(file, file.name)
    _report_installed(entry, quiet=quiet)


def _report_installed(entry: "CacheEntry", *, quiet: bool) -> None:
    if not quiet:
        echo_line(f"Installed: {entry.path}, from {entry.source}")
        click.echo("Runs use them with --weights full, or always after: neurotransfer weights use full")


@weights.command()
@click.argument("which", type=click.Choice(["builtin", "full"]))
def use(which: str) -> None:
    """Choose what runs use: the built-in weights, or the full ones."""
    from neurotransfer.vgg import cache
    from neurotransfer.vgg.weights import verify_weights

    if which == "full":
        cache.required_entry()
        verify_weights()  # every run with damaged weights would fail
    cache.use(which == "full")
    click.echo(f"Runs use the {'full' if which == 'full' else 'built-in'} weights.")


@weights.command()
def verify() -> None:
    """Check the hashes of the weights."""
    from neurotransfer.vgg.weights import verify_weights

    for name, digest, source in verify_weights():
        echo_line(f"{name:7} sound  {digest}  {source}")


@weights.command()
def remove() -> None:
    """Delete the full weights and the parts of interrupted downloads; runs use the built-in ones again."""
    from neurotransfer.vgg import cache

    freed = cache.remove()
    click.echo(f"Removed: {freed / 1e6:.0f} MB." if freed else "There was nothing to remove.")


@weights.command()
@option(
    "--weights", "choice", type=WEIGHTS, metavar="builtin|full|PATH", default=None, help="What to quantize; as for run."
)
# Environment variables for these two are meant for runs.
@click.option("-o", "--output", type=PATH, required=True, help="The archive to write, .npz.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def quantize(choice: str | None, output: Path, overwrite: bool, as_json: bool) -> None:
    """Write weights with one byte each, as the built-in ones were made, and print the error of each layer."""
    if output.suffix.lower() != ".npz":
        raise InputError(f"--output must be a file name that ends with .npz; found {str(output)!r}.")
    if os.path.lexists(output) and not overwrite:  # a dangling symlink exists, too
        raise InputError(f"{output} exists; give another --output, or --overwrite.")
    require_unlinked(output)
    if not output.parent.is_dir():
        raise InputError(f"The folder {output.parent} does not exist; make it first.")
    from neurotransfer.vgg.formats.npz import write_npz
    from neurotransfer.vgg.quantize import quantize_weights
    from neurotransfer.vgg.weights import load_weights

    source = load_weights(choice)
    arrays, errors = quantize_weights(source)
    write_npz(output, arrays, compressed=True)
    if as_json:
        click.echo(json.dumps({"file": str(output), "source": source.source.to_json(), "errors": errors}))
        return
    click.echo(f"{'layer':8} {'error':>8}   of the kernel's root mean square")
    for name, error in errors.items():
        click.echo(f"{name:8} {error:8.4%}")
    echo_line(f"Written: {output}")


_former_name = copy.copy(quantize)  # scripts may call the command as it was spelled at first
_former_name.hidden = True
weights.add_command(_former_name, "quantise")


@click.command()
@option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Check this machine and this installation; print each problem with its remedy."""
    problems = 0
    report = {}
    for finding in _findings():
        problems += finding.problem is not None
        report[finding.name] = {"found": finding.found, "problem": finding.problem}
        if not as_json:
            echo_line(f"{'PROBLEM' if finding.problem else 'ok':7}  {finding.name:13}  {finding.found}")
            if finding.problem:
                echo_line(f"{'':9}{finding.problem}")
    if as_json:
        click.echo(json.dumps({"problems": problems, "findings": report}))
    if problems:
        count = "One problem was" if problems == 1 else f"{problems} problems were"
        raise NeurotransferError(f"{count} found; the report says how to mend {'it' if problems == 1 else 'them'}.")


def _findings() -> Iterator["Finding"]:
    """Yield what is found; after a package that cannot be loaded, nothing that needs it."""
    from neurotransfer.runs.installation import PACKAGES, check_installation

    broken = False
    for finding in check_installation():
        broken = broken or (finding.name in PACKAGES and finding.problem is not None)
        yield finding
    if not broken:
        from neurotransfer.runs.doctor import examine

        yield from examine()
