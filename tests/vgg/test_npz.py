"""Weights as NumPy archives: what they claim takes no memory before it is checked, and no message is long."""

import tracemalloc

import numpy as np
import pytest

from neurotransfer.system.errors import InputError
from neurotransfer.vgg.kernels import MAX_NUMBERS
from neurotransfer.vgg.layers import KERNEL_SHAPES
from neurotransfer.vgg.weights import find_weights, load_weights

COUNT = 2 * 10**7
"""Entries of what is too large: of 160 MB, whose sentence had 60 MB when every number was told."""


@pytest.fixture(scope="module")
def arrays():
    with np.load(find_weights("builtin")) as archive:
        return {name: archive[name] for name in archive.files}


def refusal(path):
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            load_weights(path)
        assert tracemalloc.get_traced_memory()[1] < 120e6, "the network's own 80 MB, at most"
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) <= 700
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("mean_pixel", 3),
        ("conv1_1.bias", MAX_NUMBERS),
        ("conv1_1.codebook", MAX_NUMBERS),
        ("conv1_1.codes", MAX_NUMBERS),
    ],
)
def test_an_array_that_is_too_large_is_refused_unread(tmp_path, arrays, name, most):
    np.savez_compressed(tmp_path / "large.npz", **arrays | {name: np.zeros(COUNT)})
    sentence = refusal(tmp_path / "large.npz")
    assert (
        f"large.npz cannot be read as a NumPy archive: {name} claims {COUNT} entries, expected {most} at " in sentence
    )


@pytest.mark.parametrize("value", [np.zeros(2), np.zeros((1, 1, 3)), np.full(3, np.nan), np.array(["a", "b", "c"])])
def test_a_mean_pixel_that_is_none_is_refused(tmp_path, arrays, value):
    np.savez(tmp_path / "odd.npz", **arrays | {"mean_pixel": value})
    assert "mean" in refusal(tmp_path / "odd.npz")


def test_a_sound_mean_pixel_is_read(tmp_path, arrays):
    np.savez(tmp_path / "other.npz", **arrays | {"mean_pixel": np.array([1.0, 2.0, 3.0])})
    assert load_weights(tmp_path / "other.npz").mean_pixel == (1.0, 2.0, 3.0)


def test_a_layer_of_another_shape_is_named(tmp_path, arrays):
    shape = KERNEL_SHAPES["conv1_2"]
    np.savez(tmp_path / "odd.npz", **arrays | {"conv1_2.codes": np.zeros(shape[:3], np.uint8)})
    assert "layer conv1_2 has codes uint8 (3, 3, 64)" in refusal(tmp_path / "odd.npz")
