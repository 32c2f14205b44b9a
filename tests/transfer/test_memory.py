"""The memory plan: what it promises against what a run takes, and the sentence where nothing fits."""

import json
import re
import resource

import pytest

from neurotransfer.system.errors import NeurotransferError
from neurotransfer.system.size import Size
from neurotransfer.transfer import memory
from neurotransfer.transfer.memory import plan_memory
from neurotransfer.transfer.presets import preset
from neurotransfer.transfer.settings import Settings

A3 = Size(4961, 3508)


def test_a_small_picture_is_taken_whole():
    assert plan_memory(Size(400, 300), Settings(), "bfloat16", 2e9).max_tile_pixels is None


def test_less_memory_means_smaller_tiles():
    windows = [plan_memory(A3, Settings(), "bfloat16", budget).max_tile_pixels for budget in (40e9, 8e9, 4e9, 3.6e9)]
    assert windows[0] is None
    assert windows[1] >= windows[2] > windows[3]


def test_the_plan_stays_below_its_budget():
    for budget in (1.2e9, 2e9, 4e9, 8e9):
        for settings in (Settings(), preset("fast"), preset("classic")):
            plan = plan_memory(Size(1000, 700), settings, "float32", budget)
            assert plan.peak <= budget
            plans = list(memory.memory_plans(Size(1000, 700), settings, "float32"))
            assert all(better.peak > budget for better in plans[: plans.index(plan)])


def test_lbfgs_gives_up_pairs_before_it_gives_up():
    plans = [plan_memory(A3, preset("fast"), "bfloat16", budget) for budget in (14e9, 9e9, 6e9)]
    assert [(plan.history, plan.half) for plan in plans] == [(20, False), (20, True), (10, True)]


def test_the_sentence_names_a_size_that_fits():
    with pytest.raises(NeurotransferError, match=r"4961x3508 pixels need .* this process may take 2\.0 GB") as caught:
        plan_memory(A3, Settings(), "bfloat16", 2e9)
    largest = int(re.search(r"the largest --size that fits is (\d+)\.", str(caught.value)).group(1))
    plan_memory(Size(largest, round(largest * 3508 / 4961)), Settings(), "bfloat16", 2e9)
    with pytest.raises(NeurotransferError):
        plan_memory(Size(largest + 20, round((largest + 20) * 3508 / 4961)), Settings(), "bfloat16", 2e9)
    with pytest.raises(NeurotransferError, match="not even the smallest size fits"):
        plan_memory(A3, Settings(), "bfloat16", 1e8)


def test_large_files_count():
    small, large = (
        next(memory.memory_plans(Size(512, 384), Settings(), "bfloat16", sources)).peak
        for sources in ((Size(512, 384), Size(512, 384)), (Size(16_000, 12_000), Size(512, 384)))
    )
    assert large - small == pytest.approx(4 * 16_000 * 12_000, rel=0.01)
    wide = Size(4000, 1000)
    tall, flat = (
        next(memory.memory_plans(wide, Settings(), "bfloat16", (wide, style))).peak
        for style in (Size(3000, 4000), Size(4000, 3000))
    )
    assert tall == pytest.approx(flat, rel=0.05)
    assert flat > next(memory.memory_plans(wide, Settings(), "bfloat16")).peak + 5e7


def test_a_painting_larger_than_the_picture_counts():
    small = Size(256, 192)
    sources = (small, Size(1000, 800))
    peaks = [
        next(memory.memory_plans(small, Settings(style_scale=scale), "float32", sources)).peak
        for scale in (1, 2, 4, 16)
    ]
    assert peaks[0] + 0.1e9 < peaks[1] and peaks[1] + 0.1e9 < peaks[2] < peaks[3]
    # Windows of half a million pixels keep their features while the next layer's are computed: 64 and 64 in float32.
    assert peaks[2] - peaks[0] > 500_000 * 2 * 64 * 4
    plan = plan_memory(small, Settings(style_scale=4.0), "float32", 1e9, sources)
    assert plan.max_tile_pixels < 500_000
    assert plan.peak <= 1e9 < peaks[2]


def test_a_resource_limit_gives_the_sentence_and_no_file(command, tmp_path):
    """2.2 GB of address space, as with `ulimit -v`: what the machine has besides does not help."""
    command_line = ("run", "-c", "../wide.png", "--size", "4961", "--enlarge", "-o", "never.png")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    _wide(tmp_path.parent / "wide.png")
    resource.setrlimit(resource.RLIMIT_AS, (2_200_000_000, hard))
    try:
        done = command(*command_line)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert done.returncode == 1
    assert re.fullmatch(
        r"Error: 4961x3511 pixels need \S+ GB of memory, but this process may take \S+ GB; "
        r"the largest --size that fits is \d+\.\n",
        done.stderr[done.stderr.index("Error") :],
    )
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_tiles_keeps_within_its_budget(command, tmp_path):
    """1000x700 pixels in 1.1 GB, where the whole picture would take 1.3: the report tells the peak."""
    _wide(tmp_path / "wide.png")
    arguments = ("-c", "wide.png", "--size", "1000", "--enlarge", "--steps", "2", "--no-octaves", "--json")
    whole, tiled = (
        json.loads(command("run", *arguments, "-o", f"{limit}.png", "--max-memory", limit).stdout)
        for limit in ("4G", "1.1G")
    )
    # Which buffers live at once is up to TensorFlow's threads: of 29 runs, planned for 1017, one reached 1104.
    assert tiled["peak_memory_mb"] <= 1.03 * 1100
    assert tiled["peak_memory_mb"] < 0.9 * whole["peak_memory_mb"]
    assert tiled["losses"][-1]["total"] == pytest.approx(whole["losses"][-1]["total"], rel=0.01)


def _wide(path):
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (60, 85, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((992, 702)).save(path)
