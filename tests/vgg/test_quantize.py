"""Quantization to one byte a weight: the reported error is the true one, and close to the theoretical minimum."""

import numpy as np
import pytest

from neurotransfer.vgg.quantize import k_means, quantize_weights
from neurotransfer.vgg.weights import load_weights
from tests.conftest import relative


def test_up_to_256_values_are_kept_exactly():
    values = np.linspace(-1, 1, 256, dtype=np.float32).repeat(9).reshape(3, 3, 16, 16)
    codebook, codes = k_means(values)
    assert np.array_equal(codebook[codes], values)
    more = np.linspace(-1, 1, 9 * 256, dtype=np.float32).reshape(3, 3, 16, 16)
    codebook, codes = k_means(more)
    assert not np.array_equal(codebook[codes], more)


@pytest.mark.parametrize(("kind", "least"), [("normal", 0.00644), ("laplace", 0.00829)])
def test_the_error_is_near_the_least_possible(kind, least):
    """Panter and Dite's limit for 256 values: (integral of p^(1/3))^3 / (12 * 256^2) of the variance."""
    values = getattr(np.random.default_rng(1), kind)(size=(3, 3, 128, 256)).astype(np.float32)
    codebook, codes = k_means(values)
    assert codes.dtype == np.uint8
    assert codebook.shape == (256,)
    assert np.all(np.diff(codebook) > 0)
    assert least * 0.95 < relative(codebook[codes], values) < least * 1.1


def test_every_code_is_the_nearest_centroid_and_every_centroid_the_mean_of_its_cluster():
    values = np.random.default_rng(2).normal(size=(3, 3, 8, 64)).astype(np.float32)
    codebook, codes = k_means(values)
    least = np.abs(values[..., None] - codebook).min(-1)
    assert np.allclose(np.abs(values - codebook[codes]), least, atol=1e-6)
    assert not np.allclose(np.abs(values - codebook[codes // 2]), least, atol=1e-6)
    for code in np.unique(codes)[::16]:
        assert codebook[code] == pytest.approx(values[codes == code].mean(), rel=1e-3, abs=1e-5)


def test_quantization_is_deterministic_and_reproduces_the_built_in_weights(weights):
    few = type(weights)({name: weights.layers[name] for name in ("conv1_1", "conv2_1")}, weights.mean_pixel, None)
    first, errors = quantize_weights(few)
    again, _ = quantize_weights(few)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert errors == {"conv1_1": 0.0, "conv2_1": 0.0}
    noisy = {
        name: ((kernel + np.random.default_rng(0).normal(0, 1e-3, kernel.shape)).astype(np.float32), bias)
        for name, (kernel, bias) in few.layers.items()
    }
    arrays, errors = quantize_weights(type(weights)(noisy, weights.mean_pixel, None))
    for name, (kernel, _) in noisy.items():
        coded = arrays[f"{name}.codebook"][arrays[f"{name}.codes"]]
        assert errors[name] == pytest.approx(relative(coded, kernel), rel=1e-5)
        assert 0 < errors[name] < 0.02


def test_the_former_name_of_the_command_is_hidden_and_works(command, tmp_path):
    assert command("weights", "quantise", "-o", "small.txt").stderr.startswith("Error: --output must be a file name")
    listed = command("weights", "--help").stdout
    assert "quantize" in listed
    assert "quantise" not in listed


def test_the_command_writes_a_loadable_archive_and_replaces_nothing_unasked(command, tmp_path, weights):
    done = command("weights", "quantize", "--weights", "builtin", "-o", "small.npz")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].split() == ["conv1_1", "0.0000%"]
    assert len(lines) == 18
    loaded = load_weights(tmp_path / "small.npz")
    assert loaded.source.layout == "one byte a weight"
    assert all(np.array_equal(loaded.layers[name][0], weights.layers[name][0]) for name in weights.layers)
    before = (tmp_path / "small.npz").read_bytes()
    assert command("weights", "quantize", "-o", "small.npz").returncode == 2
    assert (tmp_path / "small.npz").read_bytes() == before
    (tmp_path / "link.npz").symlink_to("nowhere/at/all.npz")
    assert command("weights", "quantize", "-o", "link.npz", NEUROTRANSFER_OVERWRITE="1").returncode == 2
    done = command("weights", "quantize", "-o", "link.npz", "--overwrite")
    assert (done.returncode, "link.npz is a link, which --overwrite does not follow" in done.stderr) == (2, True)
    assert (tmp_path / "link.npz").is_symlink()
    missing = command("weights", "quantize", NEUROTRANSFER_OUTPUT="output/")  # meant for runs
    assert "Missing option '-o'" in missing.stderr
    assert command("weights", "quantize", "-o", "small.txt").stderr.startswith("Error: --output must be a file name")
