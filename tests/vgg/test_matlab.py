"""The MATLAB reader: what it reads, what it refuses; no content takes much memory or time, or runs code."""

import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from scipy.io import savemat

from neurotransfer.system.errors import InputError
from neurotransfer.vgg.formats.matlab import MatlabError, read_matlab
from neurotransfer.vgg.weights import load_weights
from tests.mutations import bases, mutated
from tests.vgg.matconvnet import cell

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind, shape, body, name=b"layers"):
    flags = element(6, struct.pack("<II", kind, 0))
    dims = element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, flags + dims + element(1, name) + body)


def read(path, content, names=("layers",), most=1000):
    path.write_bytes(HEADER + content)
    return read_matlab(path, names, most)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "any.mat"


@pytest.mark.parametrize("compress", [False, True])
def test_files_that_scipy_writes_are_read(path, compress):
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    content = {"other": values, "layers": cell("Grüße", values, {"a": cell(1.5), "b": "x"}), "meta": {"one": -3.0}}
    savemat(path, content, do_compression=compress)
    found = read_matlab(path, ("layers", "meta"), 1000)
    text, array, record = found["layers"]
    assert text == "Grüße"
    assert np.array_equal(array, values)
    assert not np.array_equal(array, values + 1)
    assert record["b"] == "x"
    assert record["a"][0] == 1.5
    assert found["meta"]["one"] == -3.0
    assert "other" not in found


def test_numbers_stored_in_small_types_and_big_endian_are_read(path):
    """MATLAB stores doubles that are whole numbers as bytes; big-endian processors write the other byte order."""
    assert read(path, matrix(6, (1, 3), element(2, bytes([1, 2, 250]))))["layers"].tolist() == [[1, 2, 250]]
    body = struct.pack(">II II II ii", 6, 8, 6, 0, 5, 8, 1, 1) + struct.pack(">I", 6 << 16 | 1)[:0]
    body += struct.pack(">II8s", 1, 6, b"layers") + struct.pack(">IId", 9, 8, 2.5)
    path.write_bytes(b"x" * 124 + b"\x01\x00MI" + struct.pack(">II", 14, len(body)) + body)
    assert read_matlab(path, ("layers",), 10)["layers"] == 2.5


def test_large_arrays_are_skipped(path):
    savemat(path, {"layers": cell(np.ones((40, 40)), np.ones((2, 2)))})
    large, small = read_matlab(path, ("layers",), 1000)["layers"]
    assert large is None
    assert small.shape == (2, 2)


NUMBER = matrix(6, (1, 1), element(9, struct.pack("<d", 1.0)), b"")


def bomb():
    """Two variables of 450 MB in 4 MB of file."""
    count = 450_000_000
    start = bytearray(matrix(6, (count, 1), b""))
    struct.pack_into("<I", start, 4, len(start) - 8 + count)
    stream = zlib.compressobj(1)
    packed = stream.compress(bytes(start)) + b"".join(stream.compress(bytes(1_000_000)) for _ in range(450))
    packed += stream.flush()
    return 2 * (struct.pack("<II", 15, len(packed)) + packed)


def deep():
    body = NUMBER
    for _ in range(40):
        body = matrix(1, (1, 1), body, b"")
    return matrix(1, (1, 1), body)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (matrix(1, (1 << 15, 1 << 15), NUMBER), "claims 1073741824 entries"),
        (matrix(1, (0x7FFFFFFF,) * 8, NUMBER), "entries where there is room"),
        (matrix(1, (-1, 4), NUMBER), r"has the shape \(-1, 4\)"),
        (matrix(2, (1 << 20, 1 << 10), element(5, struct.pack("<i", 4)) + element(1, b"a\0\0\0")), "entries"),
        (matrix(6, (10, 10), element(9, bytes(8))), "has 8 bytes, expected 800"),
        (struct.pack("<II", 14, 0xFFFFFFFF) + bytes(100), "is cut off"),
        (deep, "nested more than 16 deep"),
        (matrix(1, (200_000, 1), struct.pack("<II", 14, 0) * 200_000), "more than 100000 parts"),
        (element(15, b"no zlib"), "compressed data are damaged"),
        (element(15, zlib.compress(matrix(6, (1, 1), b""))[:-9]), "ends too early|damaged"),
        (bomb, "more than 800 MB"),
        (matrix(6, (0, *(0x7FFFFFFF,) * 4), element(9, b"")), r"an array has the shape \(0, 2147483647"),
        (bytes(8 * 200_000), "more than 100000 parts"),
        (lambda: element(15, zlib.compress(matrix(6, (1, 1), b"")[:-9]) + bytes(80_000_000)), "ends too early"),
    ],
    ids=[
        "cell",
        "cells",
        "minus",
        "many",
        "array",
        "cut",
        "deep",
        "parts",
        "zlib",
        "short",
        "bomb",
        "empty",
        "odd",
        "tail",
    ],
)
def test_false_claims_are_refused_within_100_mb_and_10_seconds(path, content, reason):
    content = content() if callable(content) else content
    tracemalloc.start()
    begun = time.perf_counter()
    try:
        with pytest.raises(MatlabError, match=reason):
            read(path, content)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - begun < 10


@pytest.mark.parametrize("shape", [(1, 1), (300_000, 1)])
def test_structs_without_fields_are_empty(path, shape):
    """MATLAB writes struct() like this; it may claim any number of entries, which take no bytes."""
    nothing = matrix(2, shape, element(5, struct.pack("<i", 1)) + element(1, b""))
    assert read(path, nothing)["layers"] == {}


def test_objects_and_functions_are_skipped_unread(path):
    """Opaque objects (17), functions (16), objects (3): MATLAB would run code to build them."""
    pickled = b"cos\nsystem\n(S'touch /tmp/never'\ntR."
    for kind in (3, 16, 17, 99):
        odd = matrix(kind, (1, 1), element(1, pickled), b"")
        assert read(path, matrix(1, (1, 2), odd + NUMBER))["layers"] == [None, 1.0]


def test_mutated_files_give_one_sentence_within_10_seconds(path):
    """A slice of bench/fuzz_weights.py."""
    for name, whole in bases().items():
        for seed in range(12):
            path.write_bytes(mutated(whole, seed))
            begun = time.perf_counter()
            with pytest.raises(InputError) as caught:
                load_weights(path)
            assert time.perf_counter() - begun < 10, (name, seed)
            assert "\n" not in str(caught.value)


def test_a_mutation_changes_the_file_and_a_seed_repeats_it():
    whole = bases()["newer"]
    assert mutated(whole, 3) == mutated(whole, 3) != mutated(whole, 4)
    assert sum(mutated(whole, seed) != whole for seed in range(50)) > 45


def test_a_file_of_many_arrays_is_refused_before_they_fill_the_memory(path):
    """Half a megabyte whose arrays unpack to 0.4 GB, each no larger than an honest one."""
    cells = np.empty((1, 24), dtype=object)
    for index in range(24):
        cells[0, index] = np.zeros((1, 2_300_000))
    savemat(path, {"layers": cells}, do_compression=True)
    assert path.stat().st_size < 1e6
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="its arrays hold more than 200 MB"):
            load_weights(path)
        assert tracemalloc.get_traced_memory()[1] < 300e6
    finally:
        tracemalloc.stop()
