"""The networks compute what the original files compute in TensorFlow Lite: golden values of another program."""

from pathlib import Path

import numpy as np
import pytest

from neurotransfer.detect.network import Network

EVERY = 7
"""Every seventh output was kept."""


@pytest.fixture(scope="module")
def golden():
    with np.load(Path(__file__).parent / "golden.npz") as archive:
        return dict(archive)


@pytest.mark.parametrize(("name", "scale", "offset"), [("face", 127.5, 1.0), ("person", 255.0, 0.0)])
def test_outputs_are_those_of_the_original_files(golden, name, scale, offset):
    image = golden[f"{name}.input"][np.newaxis].astype(np.float32) / np.float32(scale) - np.float32(offset)
    outputs = Network(name)(image)
    mirrored = Network(name)(image[:, :, ::-1])
    expected = [values for key, values in golden.items() if key.startswith(f"{name}.output")]
    assert len(outputs) == len(expected)
    for output, other, values in zip(outputs, mirrored, expected, strict=True):
        assert output.dtype == np.float32
        np.testing.assert_allclose(output.reshape(-1)[::EVERY], values, atol=2e-4)
        assert np.abs(other.reshape(-1)[::EVERY] - values).max() > 0.1
