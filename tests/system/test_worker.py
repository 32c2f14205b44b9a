"""Work in a thread of its own: results and errors come back, and after a signal nobody waits for long."""

import subprocess
import sys
import threading
import time

import pytest

from neurotransfer.system import worker as module
from neurotransfer.system.signals import StopRequest
from neurotransfer.system.worker import LeftWorkError, Worker


@pytest.fixture
def exits(monkeypatch):
    """The exit codes for which the process would not wait."""
    codes = []
    monkeypatch.setattr(module, "_exit_without_waiting", codes.append)
    return codes


def test_results_and_errors_come_back_from_one_thread(exits):
    with Worker(StopRequest()) as worker:
        threads = {worker.call(threading.get_ident) for _ in range(3)}
        assert len(threads) == 1 and threading.get_ident() not in threads
        with pytest.raises(ZeroDivisionError):
            worker.call(lambda: 1 / 0)
        assert worker.call(lambda: time.sleep(2 * module._GLANCE) or "slow") == "slow"
    assert exits == []


def test_the_thread_ends_with_its_worker():
    before = threading.active_count()
    for _ in range(3):
        with Worker(StopRequest()) as worker:
            worker.call(int)
    end = time.monotonic() + 2.0
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_after_a_signal_short_work_ends_and_long_work_is_left(exits):
    with Worker(StopRequest(number=2)) as worker:
        assert worker.call(lambda: time.sleep(0.5) or "done") == "done"
        begun = time.monotonic()
        with pytest.raises(LeftWorkError):
            worker.call(lambda: time.sleep(6))
        assert time.monotonic() - begun < 2.5
    assert exits == [130]


def test_the_process_ends_at_once_with_the_code_of_the_signal():
    code = (
        "import sys, time\n"
        "from neurotransfer.system.signals import StopRequest\n"
        "from neurotransfer.system.worker import LeftWorkError, Worker\n"
        "try:\n"
        "    Worker(StopRequest(number=15)).call(lambda: time.sleep(60))\n"
        "except LeftWorkError:\n"
        "    print('saved')\n"
    )
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (143, "saved\n", "")
    assert time.monotonic() - begun < 10
