"""Progress on standard error: lines where it is no terminal, nothing where quiet."""

from types import SimpleNamespace

import pytest

from neurotransfer.cli import progress as progress_module
from neurotransfer.cli.progress import SECONDS_BETWEEN_LINES, download_progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test sets ``now``."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_download_lines_come_every_few_seconds_and_at_the_end(capsys, clock):
    with download_progress(quiet=False) as show:
        show(1_000_000, 9_000_000)
        clock.now += SECONDS_BETWEEN_LINES
        show(2_000_000, 9_000_000)
        show(3_000_000, 9_000_000)
        show(9_000_000, 9_000_000)
    assert capsys.readouterr().err.splitlines() == ["2 MB of 9 MB", "9 MB of 9 MB"]


def test_download_of_unknown_size_shows_what_was_received(capsys, clock):
    with download_progress(quiet=False) as show:
        clock.now += SECONDS_BETWEEN_LINES
        show(2_000_000, 0)
    assert capsys.readouterr().err == "2 MB\n"


def test_quiet_download_shows_nothing(capsys, clock):
    with download_progress(quiet=True) as show:
        clock.now += SECONDS_BETWEEN_LINES
        show(9_000_000, 9_000_000)
    assert capsys.readouterr().err == ""
