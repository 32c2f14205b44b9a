"""The manual is true: every option is described, every link leads somewhere, every printed command runs."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from neurotransfer.cli.main import cli
from neurotransfer.transfer.presets import PRESETS
from neurotransfer.transfer.settings import Settings
from tests.conftest import IMAGES

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def options(command=cli):
    """Every option of every command below ``command``."""
    for below in command.commands.values():
        if isinstance(below, click.Group):
            yield from options(below)
            continue
        for parameter in below.params:
            if isinstance(parameter, click.Option):
                yield from parameter.opts + parameter.secondary_opts


def test_every_option_is_described():
    text = (ROOT / "docs" / "settings.md").read_text()
    missing = {name for name in options() if f"`{name}" not in text and f"`{name}`" not in text}
    assert not missing


def test_every_described_option_exists():
    known = {*options(), "--help", "--version"}
    for page in PAGES:
        for line in page.read_text().splitlines():
            if "neurotransfer" in line or "| `-" in line:
                found = {name for name in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", line) if "docker" not in line}
                assert found <= known, f"{page.name}: {found - known}"


def test_every_preset_is_described():
    text = (ROOT / "docs" / "settings.md").read_text()
    assert not [name for name in PRESETS if f"| `{name}` |" not in text]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def commands():
    """Every `neurotransfer ...` line printed in a shell block of the README."""
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL):
        for line in block.splitlines():
            if line.startswith("neurotransfer "):
                yield shlex.split(line, comments=True)[1:]


def test_every_printed_pytest_command_selects_tests():
    """Every file is there, and every word of ``-k`` is part of a test's name in one of them."""
    printed = {line for page in PAGES for line in re.findall(r"`(pytest [^`]+)`", page.read_text())}
    assert len(printed) > 20
    for line in printed:
        paths, _, words = line.removeprefix("pytest ").partition(" -k ")
        for path in paths.split():
            assert (ROOT / path).is_file(), line
        names = re.findall(r"^def (test_\w+)", "".join((ROOT / path).read_text() for path in paths.split()), flags=re.M)
        assert names, line
        for word in words.strip('"').split(" or ") if words else []:
            assert any(word in name for name in names), line


def test_every_command_of_the_readme_runs(command, photo, painting, tmp_path):
    shutil.copy(photo, tmp_path / "photo.jpg")  # Pillow looks at the content, not at the name
    shutil.copy(painting, tmp_path / "painting.jpg")
    for name in ("photo.jpg", "painting.jpg"):
        folder = tmp_path / f"{name.removesuffix('.jpg')}s"
        folder.mkdir()
        shutil.copy(tmp_path / name, folder / name)
    printed = list(commands())
    assert len(printed) > 6
    quick = {"NEUROTRANSFER_STEPS": "1", "NEUROTRANSFER_SNAPSHOT_EVERY": "0", "NEUROTRANSFER_DPI": "20"}
    for arguments in printed:
        done = command(*arguments, **quick)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"


BATCH_PAGE = (ROOT / "docs" / "batch.md").read_text()


@pytest.fixture
def shell(tmp_path, photo, painting):
    """Run a script beside a folder with a photo and a file that is none."""
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(photo, photos / "good.jpg")
    (photos / "bad.jpg").write_text("nothing")
    shutil.copy(painting, tmp_path / "painting.jpg")
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "NEUROTRANSFER_STEPS": "1"}

    def run(script: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )

    return run


def test_the_loop_of_the_manual(shell, tmp_path):
    (tmp_path / "photos" / "good.jpg").rename(tmp_path / "photos" / "a good one.jpg")
    (loop,) = re.findall(r"```sh\n(mkdir -p painted.*?)```", BATCH_PAGE, flags=re.DOTALL)
    done = shell(loop)
    assert (done.returncode, done.stdout) == (0, "failed: photos/bad.jpg\n")
    assert [path.name for path in (tmp_path / "painted").iterdir()] == ["a good one.png"]


def test_the_xargs_of_the_manual(shell, tmp_path):
    (line,) = re.findall(r"```sh\n(find .*xargs.*)\n```", BATCH_PAGE)
    assert shell(line).returncode == 123  # one of them failed
    assert [path.parent.name for path in (tmp_path / "twice").glob("*/final.png")] == ["good-painting"]


def test_the_makefile_of_the_manual(shell, tmp_path):
    (text,) = re.findall(r"```make\n(.*?)```", BATCH_PAGE, flags=re.DOTALL)
    (tmp_path / "Makefile").write_text(text)
    assert shell("make -j2 -k").returncode == 2
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["good.png"]
    (tmp_path / "photos" / "bad.jpg").unlink()
    assert shell("make -j2").returncode == 0


def test_the_list_of_the_readme(shell, tmp_path):
    (line,) = re.findall(r"^(find .*neurotransfer batch - .*?) +#", (ROOT / "README.md").read_text(), flags=re.M)
    done = shell(line)
    assert done.returncode == 1, done.stderr
    assert [path.name for path in (tmp_path / "found").glob("*.png")] == ["good-painting.png"]


def test_the_example_runs(tmp_path):
    example = ROOT / "examples" / "stylize.py"
    arguments = [IMAGES / "chelsea_cat.jpg", IMAGES / "ducks.jpg", tmp_path / "result.png"]
    done = subprocess.run([sys.executable, example, *arguments], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 21
    assert (tmp_path / "result.png").stat().st_size > 10_000


def test_the_python_of_the_manual_runs(tmp_path, photo, painting):
    blocks = [
        block for page in PAGES for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    ]
    for name, source in (("photo.jpg", photo), ("other.jpg", photo), ("painting.jpg", painting)):
        shutil.copy(source, tmp_path / name)
    for block in sorted(set(blocks)):
        shorter = block.replace("steps=50", "steps=2").replace("step.index == 20", "step.index == 1")
        subprocess.run([sys.executable, "-c", shorter], cwd=tmp_path, check=True)
    assert (tmp_path / "result.png").exists()


def test_the_python_of_readme_is_that_of_the_python_page():
    readme, page = (
        re.findall(r"```python\n(.*?)```", text.read_text(), flags=re.DOTALL)
        for text in (ROOT / "README.md", ROOT / "docs" / "python.md")
    )
    assert readme == page[:1]


def test_the_defaults_of_the_manual_are_those_of_the_program():
    """Numbers in the tables of docs/settings.md against the fields of Settings."""
    text = (ROOT / "docs" / "settings.md").read_text()
    found = dict(re.findall(r"^\| `--([a-z0-9-]+) [XN][^|]*\| ([0-9.]+) \|", text, flags=re.MULTILINE))
    assert len(found) >= 10
    for name, value in found.items():
        assert float(value) == getattr(Settings(), name.replace("-", "_")), name


@pytest.mark.parametrize("page", sorted({*ROOT.glob("*.md"), *PAGES}), ids=lambda page: page.name)
def test_no_line_is_over_120_characters(page):
    """But for lines with an address, which cannot be broken."""
    lines = page.read_text().splitlines()
    assert not [n for n, line in enumerate(lines, 1) if len(line) > 120 and "://" not in line]
