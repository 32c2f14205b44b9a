"""The built-in weights, the official file in the two layouts of MatConvNet, and files that only look like it."""

import hashlib
import logging
import time

import numpy as np
import pytest

from neurotransfer.system.errors import InputError
from neurotransfer.vgg.formats.matconvnet import OFFICIAL_NAME
from neurotransfer.vgg.layers import KERNEL_SHAPES, LAYERS, MEAN_PIXEL
from neurotransfer.vgg.weights import find_weights, load_weights
from tests.vgg.matconvnet import cell, matconvnet, write


def test_the_built_in_weights_load_completely_within_a_second():
    begun = time.process_time()
    loaded = load_weights("builtin")
    assert time.process_time() - begun < 1.0
    assert tuple(loaded.layers) == LAYERS
    for name, (kernel, bias) in loaded.layers.items():
        assert kernel.shape == KERNEL_SHAPES[name]
        assert bias.shape == KERNEL_SHAPES[name][3:]
        assert kernel.dtype == bias.dtype == np.float32
    assert loaded.mean_pixel == MEAN_PIXEL
    assert loaded.source.sha256 == hashlib.sha256(loaded.source.path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("layout", "compress"), [("newer", False), ("older", True)])
def test_both_layouts_of_the_official_file_are_read(tmp_path, weights, layout, compress):
    path = write(tmp_path / "any.mat", matconvnet(weights, layout, fully_connected=True), compress=compress)
    loaded = load_weights(path)
    assert tuple(loaded.layers) == LAYERS
    for name, (kernel, bias) in loaded.layers.items():
        assert np.array_equal(kernel, weights.layers[name][0])
        assert np.array_equal(bias, weights.layers[name][1])
        assert kernel.base is None, "a view would keep the whole file in memory"
        assert bias.base is None
    assert loaded.mean_pixel == pytest.approx(MEAN_PIXEL)
    assert loaded.source.layout == f"MatConvNet, {layout} layout"
    assert loaded.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_kernels_with_swapped_axes_would_differ(weights):
    kernel = weights.layers["conv2_1"][0]
    assert not np.array_equal(kernel, kernel.transpose(1, 0, 2, 3))


def test_without_a_choice_the_built_in_weights_are_used(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    assert find_weights().name == "vgg19-8bit.npz"
    (tmp_path / OFFICIAL_NAME).mkdir()
    assert find_weights().name == "vgg19-8bit.npz"
    assert caplog.messages == [], "a folder of that name is not mentioned"


def test_the_official_file_in_the_working_folder_is_mentioned_but_not_used(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    (tmp_path / OFFICIAL_NAME).touch()
    assert find_weights().name == "vgg19-8bit.npz"
    assert caplog.messages == [
        "imagenet-vgg-verydeep-19.mat lies in this folder and is not used; "
        "--weights imagenet-vgg-verydeep-19.mat uses it."
    ]
    assert find_weights("builtin").name == "vgg19-8bit.npz"
    assert find_weights(OFFICIAL_NAME).name == OFFICIAL_NAME
    assert len(caplog.messages) == 1, "no hint where weights were chosen"


def missing_layer(weights):
    return matconvnet(weights, "newer", layers=tuple(name for name in LAYERS if name != "conv3_4"))


def wrong_shape(weights):
    return matconvnet(weights, "newer", change=lambda name, kernel, bias: (kernel[..., :-1], bias))


def another_network(weights):
    record = {"type": "conv", "name": "conv1", "weights": cell(np.ones((11, 11, 3, 64), np.float32), np.ones((64, 1)))}
    return {"layers": cell(record), "meta": matconvnet(weights, "newer")["meta"]}


def not_finite(weights):
    def spoil(name, kernel, bias):
        return (kernel, bias * np.float32("nan")) if name == "conv2_2" else (kernel, bias)

    return matconvnet(weights, "older", change=spoil)


def no_mean(weights):
    content = matconvnet(weights, "newer")
    return {"layers": content["layers"], "meta": {"classes": 1.0}}


def no_cells(weights):
    return {"layers": np.ones((3, 3)), "meta": matconvnet(weights, "newer")["meta"]}


def other_variables(_):
    return {"weights": np.ones(3)}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (missing_layer, "are not those of VGG-19: layer conv3_4 is missing; expected VGG-19 as a file"),
        (wrong_shape, r"layer conv1_1 has a kernel \(3, 3, 3, 63\) and a bias \(64,\), expected \(3, 3, 3, 64\)"),
        (another_network, "are not those of VGG-19: layer conv1_1 is missing"),
        (not_finite, "layer conv2_2 holds values that are not finite"),
        (no_mean, "the mean pixel .* is missing"),
        (no_cells, "'layers' is not a cell array"),
        (other_variables, "hold no variable 'layers'"),
    ],
)
def test_other_networks_are_refused_with_the_reason(tmp_path, weights, make, sentence):
    path = write(tmp_path / "wrong.mat", make(weights))
    with pytest.raises(InputError, match=sentence):
        load_weights(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!DOCTYPE html><html><body>404 Not Found</body></html>" * 40,
        b"\x89HDF\r\n\x1a\n" + bytes(600),
        bytes(5000),
    ],
    ids=["empty", "html", "hdf5", "zeros"],
)
def test_files_that_are_not_matlab_files_are_refused(tmp_path, content):
    path = tmp_path / OFFICIAL_NAME
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as (a MATLAB|an HDF5) file: "):
        load_weights(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("compress", [False, True])
def test_truncated_files_are_refused(tmp_path, weights, share, compress):
    path = write(tmp_path / "cut.mat", matconvnet(weights, "newer"), compress=compress)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match="cannot be read as a MATLAB file"):
        load_weights(path)
