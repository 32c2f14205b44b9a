"""Seconds a step at 400x300 against a bare TensorFlow pass and the floor; peak memory; start-up of --help.

    python bench/step.py

The bare pass is that of plain_loop.py: forward, losses, backward, nothing else. Both are measured turn by turn in one
process, since machines are shared. The floor is the FLOPs over the measured rate of a large matrix product: of the
convolutions alone, and of all products. Every style layer needs two more, its Gram matrix, which is summed in float32
whatever the convolutions do, and that one's derivative.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import tensorflow as tf
from objectives import objective_of
from pairs import cut
from plain_loop import MEAN, loss_and_gradient, network

from neurotransfer import Session, load_image, preset
from neurotransfer.system.size import Size
from neurotransfer.transfer.optimizers import Adam
from neurotransfer.transfer.sizes import needed_layers
from neurotransfer.vgg.layers import KERNEL_SHAPES, positions

COMMAND = Path(sys.executable).parent / "neurotransfer"
ROUNDS = 15


def seconds(call) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def pass_gflop(width: int, height: int, layers: tuple[str, ...]) -> float:
    """Forward and backward (with respect to the picture only) through the convolutions."""
    return sum(2 * 2 * np.prod(KERNEL_SHAPES[name]) * positions(Size(width, height), name) for name in layers) / 1e9


def gram_gflop(width: int, height: int, layers: Iterable[str]) -> float:
    """The Gram matrices of ``layers``; their derivatives need as much."""
    return sum(2 * KERNEL_SHAPES[name][-1] ** 2 * positions(Size(width, height), name) for name in layers) / 1e9


def product_rate(size: int = 3072, dtype: str = "float32") -> float:
    """GFLOP a second of a matrix product on all cores, the best of ten."""
    left, right = (tf.cast(tf.random.normal((size, size)), dtype) for _ in range(2))
    return (
        2
        * size**3
        / min(seconds(lambda: tf.cast(tf.matmul(left, right)[0, 0], "float32").numpy()) for _ in range(10))
        / 1e9
    )


def steps(folder: Path) -> None:
    photo, painting = (load_image(cut(name, folder)) for name in ("chelsea_cat", "starry_night"))
    settings = preset("classic", precision="float32")
    layers = needed_layers(settings)
    bare = loss_and_gradient(network(), tf.constant(photo[None] - MEAN), tf.constant(painting[None] - MEAN))
    objective = objective_of(Session("builtin"), settings, photo, painting)
    optimizer = Adam(lambda _: 2.0, betas=(0.9, 0.999), clip=True)
    picture = tf.constant(photo[None] - MEAN)
    optimizer.current = objective(photo)
    bare(picture)
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(ROUNDS):
        times["bare"].append(seconds(lambda: [value.numpy() for value in bare(picture)]))
        begun = time.perf_counter()
        optimizer.step(objective)
        times["ours"].append(time.perf_counter() - begun)
    ratios = [ours / other for ours, other in zip(times["ours"], times["bare"], strict=True)]
    gflop, rate = pass_gflop(400, 300, layers), product_rate()
    print(f"bare pass   {median(times['bare']):.3f} s (median of {ROUNDS})")
    print(f"our step    {median(times['ours']):.3f} s, {median(ratios):.3f} times the bare pass (median of pairs)")
    print(f"floor       {gflop / rate:.3f} s: {gflop:.0f} GFLOP at {rate:.0f} GFLOP/s; ours is "
          f"{median(times['ours']) * rate / gflop:.2f} times that")  # fmt: skip


def evaluations(folder: Path) -> None:
    """Seconds an evaluation at the default settings, in both precisions, against the ceiling, small and large."""
    session, settings = Session("builtin"), preset("default")
    layers, style = needed_layers(settings), dict(settings.style_layers)
    for dtype in ("float32", "bfloat16"):
        for size in ((400, 300), (1600, 1200)):
            photo, painting = (load_image(cut(name, folder, size)) for name in ("chelsea_cat", "starry_night"))
            evaluate = partial(objective_of(session, replace(settings, precision=dtype), photo, painting), photo)
            evaluate()
            convolutions, gram = pass_gflop(*size, layers), gram_gflop(*size, style)
            rounds, floors, bare_floors = [], [], []
            for _ in range(ROUNDS if size == (400, 300) else 3):
                rate, float32_rate = product_rate(dtype=dtype), product_rate()
                floors.append((convolutions + gram) / rate + gram / float32_rate)
                bare_floors.append(convolutions / rate)
                rounds.append(seconds(evaluate))
            over, over_bare = (
                median(taken / floor for taken, floor in zip(rounds, which, strict=True))
                for which in (floors, bare_floors)
            )
            print(
                f"evaluation  {median(rounds):.3f} s, {median(rounds) / (size[0] * size[1] / 1e6):.2f} s/MP, "
                f"{size[0]}x{size[1]} {dtype}: {over:.2f} times the floor of all products, {median(floors):.3f} s; "
                f"{over_bare:.2f} times that of {convolutions:.0f} GFLOP of convolutions"
            )


def memory(folder: Path) -> None:
    photo, painting = cut("chelsea_cat", folder), cut("starry_night", folder)
    for title, options in (("classic, float32", ["--preset", "classic", "--precision", "float32"]), ("default", [])):
        files = ["-c", photo, "-s", painting, "-o", folder / "memory.png", "--overwrite"]
        arguments = ["run", *files, "--size", "400", "--steps", "10", "--json", *options]
        done = subprocess.run([COMMAND, *arguments], check=True, capture_output=True, text=True)
        print(f"peak memory {json.loads(done.stdout)['peak_memory_mb']:.0f} MB, 400x300, {title}")


def start_up() -> None:
    times = [seconds(lambda: subprocess.run([COMMAND, "--help"], check=True, capture_output=True)) for _ in range(9)]
    print(f"--help      {median(times):.3f} s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        start_up()
        memory(Path(temporary))
        steps(Path(temporary))
        evaluations(Path(temporary))
