"""Files as Keras itself saves them; the first layer comes back in RGB order."""

import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

from neurotransfer.system.errors import InputError
from neurotransfer.vgg.formats import keras as keras_format
from neurotransfer.vgg.layers import LAYERS, MEAN_PIXEL
from neurotransfer.vgg.weights import load_weights
from tests.conftest import clean_environment

SAVE = """
import sys
import numpy as np, keras
source, folder = sys.argv[1:]
model = keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 32, 3))
with np.load(source) as archive:
    for layer in model.layers:
        if layer.weights:
            name = "conv" + layer.name[5] + "_" + layer.name[-1]
            kernel = archive[name + ".codebook"][archive[name + ".codes"]]
            layer.set_weights([kernel[:, :, ::-1] if name == "conv1_1" else kernel, archive[name + ".bias"]])
model.save(folder + "/model.keras")
model.save(folder + "/model.h5")
model.save_weights(folder + "/model.weights.h5")
"""
FILES = ("model.keras", "model.h5", "model.weights.h5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, weights):
    found = tmp_path_factory.mktemp("keras")
    environment = clean_environment() | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    arguments = [sys.executable, "-c", SAVE, weights.source.path, found]
    subprocess.run(arguments, check=True, capture_output=True, env=environment)
    return found


@pytest.mark.parametrize("name", FILES)
def test_files_that_keras_saves_are_read(folder, weights, name):
    loaded = load_weights(folder / name)
    assert tuple(loaded.layers) == LAYERS
    for layer, (kernel, bias) in loaded.layers.items():
        assert np.array_equal(kernel, weights.layers[layer][0])
        assert np.array_equal(bias, weights.layers[layer][1])
    assert loaded.mean_pixel == MEAN_PIXEL
    assert loaded.source.layout == ("Keras, .keras" if name.endswith("keras") else "Keras, .h5")


def test_a_first_layer_in_bgr_order_would_differ(weights):
    kernel = weights.layers["conv1_1"][0]
    assert not np.array_equal(kernel, kernel[:, :, ::-1])


def test_datasets_of_the_file_of_2016_are_read(tmp_path, weights):
    """The file that Keras has published since 2016 names them block1_conv1_W_1:0."""
    with h5py.File(tmp_path / "old.h5", "w") as file:
        for layer, (kernel, bias) in weights.layers.items():
            name = f"block{layer[4]}_conv{layer[6]}"
            file[f"{name}/{name}_W_1:0"] = kernel[:, :, ::-1] if layer == "conv1_1" else kernel
            file[f"{name}/{name}_b_1:0"] = bias
        file["fc1/fc1_W_1:0"] = np.ones((2, 2))
    assert np.array_equal(load_weights(tmp_path / "old.h5").layers["conv1_1"][0], weights.layers["conv1_1"][0])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0001, 0.5, 0.999])
def test_cut_files_are_refused(folder, tmp_path, name, share):
    whole = (folder / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match=r"cannot be read as|are not those of VGG-19"):
        load_weights(tmp_path / name)


SHAPE = (3, 3, 3, 64)


def too_many_entries(folder, place):
    place.create_dataset("kernel", (1 << 20, 1 << 20, 3, 3), "f4", chunks=(1, 1, 3, 3))


def large_entries(folder, place):
    place.create_dataset("kernel", SHAPE, "S600000", chunks=True)


def large_chunks(folder, place):
    """A megabyte of file would become one of memory a thousand times as large."""
    place.create_dataset("kernel", SHAPE, "f4", maxshape=(None,) * 4, chunks=(512, 512, 16, 64), compression="gzip")


def external(folder, place):
    (folder / "other").write_bytes(bytes(4 * 3 * 3 * 3 * 64))
    place.create_dataset("kernel", SHAPE, "f4", external=folder / "other")


def virtual(folder, place):
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource(folder / "other", "kernel", SHAPE)
    place.create_virtual_dataset("kernel", layout)


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        (too_many_entries, r"has the shape \(1048576, 1048576, 3, 3\)"),
        (large_entries, "does not hold numbers"),
        (large_chunks, r"has the shape \(512, 512, 16, 64\)"),
        (external, "lies in another file"),
        (virtual, "lies in another file"),
    ],
)
def test_datasets_that_claim_too_much_or_lie_in_another_file_are_refused(tmp_path, kernel, reason):
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        for layer in LAYERS:
            place = file.create_group(f"block{layer[4]}_conv{layer[6]}")
            kernel(tmp_path, place)
            place["bias"] = np.ones(64)
    with pytest.raises(InputError, match=f"are not those of VGG-19: /block1_conv1/kernel {reason}"):
        load_weights(tmp_path / "odd.h5")


def test_links_to_another_file_are_not_followed(tmp_path, weights):
    with h5py.File(tmp_path / "aim.h5", "w") as aim, h5py.File(tmp_path / "linked.h5", "w") as file:
        for layer, (kernel, bias) in weights.layers.items():
            name = f"block{layer[4]}_conv{layer[6]}"
            aim[f"{name}/kernel"], aim[f"{name}/bias"] = kernel, bias
            file[name] = h5py.ExternalLink("aim.h5", name)
    load_weights(tmp_path / "aim.h5")
    with pytest.raises(InputError, match="layer conv1_1 is missing"):
        load_weights(tmp_path / "linked.h5")


def test_an_archive_without_hdf5_inside_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("model.weights.h5", b"no HDF5")
    with pytest.raises(InputError, match="cannot be read as an HDF5 file"):
        load_weights(tmp_path / "other.keras")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_compression_is_refused(tmp_path, method):
    path = tmp_path / "damaged.keras"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("model.weights.h5", np.random.default_rng(0).bytes(100_000))
        place = archive.fp.tell() // 2
    data = bytearray(path.read_bytes())
    data[60:place] = b"\xff" * (place - 60)
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be read"):
        load_weights(path)


def test_a_full_disk_is_reported_as_such(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras_format.shutil, "copyfileobj", full)
    with zipfile.ZipFile(tmp_path / "any.keras", "w") as archive:
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(InputError, match=r"cannot be read \(No space left on device\)"):
        load_weights(tmp_path / "any.keras")
