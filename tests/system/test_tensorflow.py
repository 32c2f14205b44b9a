"""TensorFlow's threads are counted before it starts, since it ends the process where there are too few."""

import threading

import pytest

from neurotransfer.system import tensorflow as module
from neurotransfer.system.errors import NeurotransferError


@pytest.mark.parametrize("allowed", [0, 3])
def test_too_few_threads_are_a_sentence(monkeypatch, allowed):
    started = 0
    start = module.Thread.start

    def limited(thread):
        nonlocal started
        if started == allowed:
            raise RuntimeError("can't start new thread")
        started += 1
        start(thread)

    before = threading.active_count()
    module._require_threads(4)
    monkeypatch.setattr(module.Thread, "start", limited)
    with pytest.raises(NeurotransferError, match=f"needs 4 threads, and only {allowed} can be started: allow more"):
        module._require_threads(4)
    assert threading.active_count() == before
