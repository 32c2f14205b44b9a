"""The 2017 baseline, written plainly and apart from the package: what this program is measured against.

    python bench/plain_loop.py PHOTO PAINTING OUT.png [STEPS]

Both pictures must have the same size. 500 Adam steps (rate 2.0) from 60 % noise, one float32 TensorFlow graph,
pixels clipped only when saved. Writes OUT.png and OUT.csv with the losses of every step. Shares no code with
neurotransfer: it reads the weights, the pictures and the formulas by itself.
"""

import csv
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from PIL import Image

WEIGHTS = Path(__file__).parent.parent / "neurotransfer" / "data" / "vgg19-8bit.npz"
LAYERS = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "3_4", "4_1", "4_2", "4_3", "4_4", "5_1"]
STYLE = ["1_1", "2_1", "3_1", "4_1", "5_1"]
MEAN = np.array([123.68, 116.779, 103.939], np.float32)


def read(path):
    return np.asarray(Image.open(path).convert("RGB"), np.float32)[None] - MEAN


def network():
    archive = np.load(WEIGHTS)
    kernels = {n: tf.constant(archive[f"conv{n}.codebook"][archive[f"conv{n}.codes"]]) for n in LAYERS}
    biases = {n: tf.constant(archive[f"conv{n}.bias"]) for n in LAYERS}

    def forward(x):
        out = {}
        for name in LAYERS:
            if name.endswith("_1") and name != "1_1":
                x = tf.nn.avg_pool2d(x, 2, 2, "SAME")
            x = tf.nn.relu(tf.nn.conv2d(x, kernels[name], 1, "SAME") + biases[name])
            out[name] = x
        return out

    return forward


def gram(f):
    _, height, width, channels = f.shape
    f = tf.reshape(f, [-1, channels])
    return tf.matmul(f, f, transpose_a=True) / float(height * width * channels)


def loss_and_gradient(forward, content, style):
    """Return a compiled function x -> (content term, style term, gradient)."""
    content_target = forward(content)["4_2"]
    style_targets = {n: gram(f) for n, f in forward(style).items() if n in STYLE}

    @tf.function
    def evaluate(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            features = forward(x)
            content_term = 10 * tf.reduce_mean((features["4_2"] - content_target) ** 2) / 4
            style_term = 40 * tf.add_n(
                [0.2 * tf.reduce_sum((gram(features[n]) - style_targets[n]) ** 2) / 4 for n in STYLE]
            )
            total = content_term + style_term
        return content_term, style_term, tape.gradient(total, x)

    return evaluate


def save(path, x):
    Image.fromarray(np.clip(np.rint(x[0] + MEAN), 0, 255).astype(np.uint8)).save(path)


def main(photo, painting, out, steps="500"):
    begun = time.perf_counter()
    content, style = read(photo), read(painting)
    evaluate = loss_and_gradient(network(), tf.constant(content), tf.constant(style))
    noise = np.random.RandomState(0).uniform(-20, 20, content.shape).astype(np.float32)
    x, m, v, rows = 0.6 * noise + 0.4 * content, 0.0, 0.0, []
    for step in range(int(steps) + 1):
        content_term, style_term, gradient = (value.numpy() for value in evaluate(tf.constant(x)))
        rows.append((step, float(content_term), float(style_term), round(time.perf_counter() - begun, 2)))
        if step == int(steps):
            break
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        t = step + 1
        x = x - np.float32(2.0) * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        x = x.astype(np.float32)
    save(out, x)
    with open(Path(out).with_suffix(".csv"), "w", newline="") as handle:
        csv.writer(handle).writerows([("step", "content", "style", "seconds"), *rows])
    print(f"{out}: content {rows[-1][1]:.4g} style {rows[-1][2]:.4g} after {rows[-1][3]:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
