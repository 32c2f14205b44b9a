"""Makes the official file as MatConvNet writes it, from any weights."""

import numpy as np
from scipy.io import savemat

from neurotransfer.vgg.layers import LAYERS, MEAN_PIXEL, block


def cell(*values):
    """A MATLAB cell array, 1 x n."""
    array = np.empty((1, len(values)), dtype=object)
    for place, value in enumerate(values):
        array[0, place] = value
    return array


def matconvnet(
    weights,
    layout,
    *,
    fully_connected=False,
    layers=LAYERS,
    positions=224,
    change=lambda name, kernel, bias: (kernel, bias),
):
    """The content of the official file, from our weights: kernels stored (width, height, in, out)."""

    def conv(name, kernel, bias):
        pair = cell(kernel, bias.reshape(-1, 1))
        fields = {"pad": np.ones((1, 4)), "stride": np.ones((1, 2))}
        if layout == "newer":
            size = np.array([kernel.shape], dtype=np.float64)
            return {"name": name, "type": "conv", "weights": pair, "size": size, **fields, "precious": 0.0}
        return {"weights": pair, "pad": fields["pad"], "type": "conv", "name": name, "stride": fields["stride"]}

    records = []
    for name in layers:
        if block(name) > 1 and name.endswith("_1"):
            records.append(
                {"type": "pool", "name": f"pool{block(name) - 1}", "method": "max", "stride": np.ones((1, 2))}
            )
        kernel, bias = weights.layers[name]
        records.append(conv(name, *change(name, kernel.transpose(1, 0, 2, 3), bias)))
        records.append({"type": "relu", "name": name.replace("conv", "relu")})
    if fully_connected:
        for name, shape in (("fc6", (7, 7, 512, 64)), ("fc7", (1, 1, 64, 64)), ("fc8", (1, 1, 64, 10))):
            records.append(conv(name, np.ones(shape, np.float32), np.ones(shape[-1], np.float32)))
    records.append({"type": "softmax", "name": "prob"})
    mean = np.array(MEAN_PIXEL).reshape(1, 1, 3)
    if layout == "newer":
        normalization = {"averageImage": mean, "imageSize": np.array([[224.0, 224.0, 3.0]])}
        return {"layers": cell(*records), "meta": {"normalization": normalization, "classes": {"name": cell("a", "b")}}}
    spread = np.broadcast_to(mean, (positions, positions, 3)) + np.linspace(-5, 5, positions).reshape(-1, 1, 1)
    return {"layers": cell(*records), "classes": {"name": cell("a")}, "normalization": {"averageImage": spread}}


def write(path, content, *, compress=False):
    savemat(path, content, do_compression=compress)
    return path
