"""Loads TensorFlow quietly and quickly, set up as the command line needs it. Importing this module changes nothing.

The settings hold for the whole process, so a library must not make them unasked: the command line calls
`load_tensorflow`, and a program that uses the Python interface may.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from neurotransfer.system.cpu import cores
from neurotransfer.system.errors import NeurotransferError

_OWN_THREADS = 2
"""Threads that TensorFlow starts besides one for each core."""
_KERAS_HOME = "KERAS_HOME"


def load_tensorflow() -> None:
    """Import TensorFlow without its start-up messages, and set it up for runs that repeat bit for bit.

    - Its C++ part writes to file descriptor 2 before its own log level is in force. During the import that descriptor
      points to the null device. Python errors of the import are not touched.
    - Two things save a third of the import's time: Keras, which TensorFlow loads only to offer it, waits until it is
      used, and the garbage collector waits while some 2,400 modules are made.
    - One operation runs at a time, each on all cores: no slower, and 0.2 GB less at 1600x1200 than two at once.
    - The arithmetic optimizer is off. It merges additions into sums that begin with whichever buffer can be reused, so
      that the last bit differs from one process to the next. Nothing is slower without it.

    Raises:
        NeurotransferError: it may not start as many threads as it needs.
    """
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(cores()))  # it does not look at quotas
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors that matter arrive as Python exceptions
    _require_threads(cores() + _OWN_THREADS)
    with _silent_stderr(), _without_keras(), _without_collections():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # it warns of retracing, where every size has a graph of its own
        tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
        tf.constant(0.0)  # starts the runtime, which looks for devices and reports on them


def _require_threads(count: int) -> None:
    """Raise `NeurotransferError` unless that many threads can be started: TensorFlow aborts the process instead."""
    end = Event()
    threads: list[Thread] = []
    try:
        for _ in range(count):
            threads.append(thread := Thread(target=end.wait, daemon=True))
            thread.start()
    except RuntimeError:
        threads.pop()
        raise NeurotransferError(
            f"TensorFlow needs {count} threads, and only {len(threads)} can be started: allow more processes "
            "(ulimit -u, or the limit of the container)."
        ) from None
    finally:
        end.set()
        for thread in threads:
            thread.join()


@contextmanager
def _silent_stderr() -> Iterator[None]:
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


@contextmanager
def _without_keras() -> Iterator[None]:
    """Make an import of Keras fail, which TensorFlow allows for; afterwards ``tf.keras`` loads it when first used.

    TensorFlow has a copy of an old Keras, too, which would write its settings into the user's home folder.
    """
    loaded, home = "keras" in sys.modules, os.environ.get(_KERAS_HOME)
    if not loaded:
        sys.modules["keras"] = None  # type: ignore[assignment]
    os.environ[_KERAS_HOME] = os.devnull
    try:
        yield
    finally:
        if not loaded:
            del sys.modules["keras"]
        if home is None:
            del os.environ[_KERAS_HOME]
        else:
            os.environ[_KERAS_HOME] = home


@contextmanager
def _without_collections() -> Iterator[None]:
    """Switch the garbage collector off, and exempt from later collections what was made: modules stay to the end."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextmanager
def forgotten_gradients() -> Iterator[None]:
    """Forget, afterwards, the custom gradients that were registered while a graph was traced.

    TensorFlow keeps each ``tf.custom_gradient`` of a graph in a registry for good, and with it the graph and the
    weights of the network: some 60 MB a job. A graph that contains its own gradients needs none once it is traced.
    The registry is not public: where it is not what is expected, nothing is forgotten.
    """
    from tensorflow.python.framework import ops

    registry = getattr(getattr(ops, "gradient_registry", None), "_registry", None)
    before = set(registry) if isinstance(registry, dict) else set()
    try:
        yield
    finally:
        if isinstance(registry, dict):
            for name in set(registry) - before:
                if name.startswith("CustomGradient"):
                    registry.pop(name, None)
