"""Imports TensorFlow, quietly. Every other module takes it from here, so that its start-up chatter reaches nobody.

TensorFlow's C++ side writes to file descriptor 2 before its own log level is in force; during the import that
descriptor points to nowhere. Python errors of the import are not touched.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors that matter arrive as Python exceptions anyway

with _quiet_stderr():
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # it warns of retracing where every size rightly has a trace of its own
    tf.constant(0.0)  # starts the runtime, which looks for devices and reports on them

__all__ = ["tf"]
