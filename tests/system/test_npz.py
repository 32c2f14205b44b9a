"""What archives of arrays claim is checked: little memory is taken, whatever they say."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from neurotransfer.system.npz import ArchiveError, Arrays, open_zip


def read(path, name="a", most=1000, **options):
    with open_zip(path) as archive:
        return Arrays(archive, **options).read(name, most)


def header(shape, dtype="<f4"):
    handle = io.BytesIO()
    np.lib.format.write_array_header_1_0(handle, {"descr": dtype, "fortran_order": False, "shape": shape})
    return handle.getvalue()


def packed(path, content, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.npy", content)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "any.npz"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.arange(6, dtype=">i2"),
        np.array(7),
        np.zeros((0, 3), np.uint8),
    ],
    ids=["C", "Fortran", "big endian", "a number", "empty"],
)
def test_what_numpy_saves_is_read(path, save, array):
    save(path, a=array, b=array + 1)
    found, other = read(path), read(path, "b")
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array)
    assert array.size == 0 or not np.array_equal(other, array)


def test_an_array_larger_than_a_piece_is_read_whole(path):
    array = np.random.default_rng(0).integers(0, 255, 3_000_001).astype(np.uint8)
    np.savez_compressed(path, a=array)
    assert np.array_equal(read(path, most=array.size), array)
    with pytest.raises(ArchiveError, match="a claims 3000001 entries, expected 3000000 at most"):
        read(path, most=array.size - 1)


LONG_HEADER = b"\x93NUMPY\x02\x00" + struct.pack("<I", 400_000_000) + b" " * 400_000_000
REFUSED = {
    "more entries than expected": (
        lambda: header((10**8,)) + bytes(4 * 10**6),
        "claims 100000000 entries, expected 1000",
    ),
    "endless entries": (lambda: header((10**20, 10**20)), "claims endless entries"),
    "negative entries": (lambda: header((-3,)), "claims -3 entries"),
    "negative sides": (lambda: header((-3, -4)), "claims 12 entries"),
    "fewer bytes than claimed": (lambda: header((900,)) + bytes(30), "does not have the 3600 bytes that it claims"),
    "more bytes than claimed": (lambda: header((9,)) + bytes(10**8), "does not have the 36 bytes that it claims"),
    "texts": (lambda: header((9,), "<U9") + bytes(9 * 36), "does not hold numbers"),
    "objects": (lambda: header((1,), "|O") + b"cos\nsystem\n", "does not hold numbers"),
    "a header of 400 MB": (lambda: LONG_HEADER, "not an array of version 1.0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_false_claims_are_refused_in_little_memory(path, case):
    content, reason = REFUSED[case]
    packed(path, content())
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match=reason):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_stored_archives_are_told_from_compressed_ones(path):
    np.savez_compressed(path, a=np.zeros(9))
    assert read(path).size == 9
    with pytest.raises(ArchiveError, match="a is compressed in a way that is not expected"):
        read(path, stored=True)
    packed(path, header((9,)) + bytes(36), zipfile.ZIP_LZMA)
    with pytest.raises(ArchiveError, match="a is compressed in a way that is not expected"):
        read(path)


def test_a_flipped_bit_is_found_by_the_checksum(path):
    np.savez(path, a=np.arange(900.0))
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        read(path)


def test_a_directory_of_megabytes_is_refused(path):
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(9000):
            archive.writestr(f"{number:0100}", b"")
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match="its directory claims 1314000 bytes, expected 1000000 at most"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


def test_a_missing_array_is_named(path):
    np.savez(path, b=np.zeros(3))
    with pytest.raises(ArchiveError, match="a is missing"):
        read(path)
