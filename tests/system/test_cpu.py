"""What may be used of the processor: bfloat16 is chosen where it is fast, and is close to float32; quotas count."""

import logging
import os
import time

import numpy as np
import pytest

from neurotransfer.system import cpu as precision
from neurotransfer.system.errors import InputError
from neurotransfer.transfer.presets import PRESETS
from neurotransfer.vgg.network import VGG19
from tests.conftest import objective_of, relative


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx512f", "avx512_bf16"}, "bfloat16"),
        ({"amx_bf16"}, "bfloat16"),
        ({"avx2", "avx512f"}, "float32"),
        (set(), "float32"),
    ],
)
def test_auto_follows_the_processor(monkeypatch, flags, expected):
    monkeypatch.setattr(precision, "processor_flags", lambda: frozenset(flags))
    assert precision.choose_precision("auto") == expected
    assert precision.choose_precision("float32") == "float32"
    assert precision.choose_precision("bfloat16") == "bfloat16"


def test_losses_and_gradient_in_bfloat16(golden, weights):
    content, style, image = (golden[name].astype(np.float32) for name in ("content", "style", "image"))

    def found(dtype):
        return objective_of(VGG19(weights, "avg", dtype), PRESETS["classic"], content, style)(image)

    exact, rough = found("float32"), found("bfloat16")
    assert rough.losses["content"] == pytest.approx(golden["avg.content_loss"] * 10, rel=0.02)
    assert rough.losses["style"] == pytest.approx(golden["avg.style_loss"] * 40, rel=0.02)
    assert relative(rough.gradient, golden["avg.gradient"]) < 0.1
    assert relative(rough.gradient, exact.gradient) > 1e-4  # it is another arithmetic, not the same one twice


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TF_ENABLE_ONEDNN_OPTS", "0", "float32"),
        ("TF_ENABLE_ONEDNN_OPTS", "False", "float32"),
        ("TF_ENABLE_ONEDNN_OPTS", "1", "bfloat16"),
        ("ONEDNN_MAX_CPU_ISA", "AVX2", "float32"),
        ("ONEDNN_MAX_CPU_ISA", "avx512_core_vnni", "float32"),
        ("DNNL_MAX_CPU_ISA", "AVX512_CORE", "float32"),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", "bfloat16"),
        ("ONEDNN_MAX_CPU_ISA", "avx10_1_512_amx", "bfloat16"),
        ("ONEDNN_MAX_CPU_ISA", "DEFAULT", "bfloat16"),
        ("ONEDNN_MAX_CPU_ISA", "no such thing", "bfloat16"),
    ],
)
def test_auto_follows_what_tensorflow_may_use(monkeypatch, caplog, name, value, expected):
    monkeypatch.setattr(precision, "processor_flags", lambda: frozenset({"avx512_bf16"}))
    monkeypatch.setenv(name, value)
    assert precision.choose_precision("auto") == expected
    with caplog.at_level(logging.INFO):
        for setting in ("auto", "float32"):
            precision.announce_precision(setting)
    told = [f"Precision: float32, because of {name}={value}; unset the variable to take half the time."]
    assert [record.getMessage() for record in caplog.records] == (told if expected == "float32" else [])


@pytest.mark.parametrize(
    ("name", "value", "works"),
    [
        ("TF_ENABLE_ONEDNN_OPTS", "0", True),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE", True),
        ("ONEDNN_MAX_CPU_ISA", "AVX2", False),
        ("DNNL_MAX_CPU_ISA", "sse41", False),
    ],
)
def test_bfloat16_that_cannot_be_had_is_refused(monkeypatch, name, value, works):
    monkeypatch.setenv(name, value)
    precision.announce_precision("auto")
    if works:
        precision.announce_precision("bfloat16")
        return
    with pytest.raises(InputError, match=f"--precision bfloat16 does not work with {name}={value}; unset"):
        precision.announce_precision("bfloat16")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_quotas_of_the_group_and_of_those_above_count(tmp_path):
    bound = precision.usable_cores(tmp_path)
    assert bound == len(os.sched_getaffinity(0))
    write(tmp_path / "proc/self/cgroup", "0::/a/b\n")
    write(tmp_path / "sys/fs/cgroup/cpu.max", "max 100000\n")
    assert precision.usable_cores(tmp_path) == bound
    write(tmp_path / "sys/fs/cgroup/a/cpu.max", "50000 100000\n")
    write(tmp_path / "sys/fs/cgroup/a/b/cpu.max", "9900000 100000\n")
    assert precision.usable_cores(tmp_path) == 0.5


def test_quotas_of_version_1_count(tmp_path):
    write(tmp_path / "proc/self/cgroup", "3:cpuset:/x\n2:cpu,cpuacct:/a\n")
    folder = tmp_path / "sys/fs/cgroup/cpu/a"
    write(folder / "cpu.cfs_period_us", "20000\n")
    write(folder / "cpu.cfs_quota_us", "-1\n")
    assert precision.usable_cores(tmp_path) == len(os.sched_getaffinity(0))
    write(folder / "cpu.cfs_quota_us", "5000\n")
    assert precision.usable_cores(tmp_path) == 0.25


@pytest.mark.parametrize(("load", "times"), [(0.0, 1.0), (2.0, 1.0), (4.0, 1.5), (10.0, 3.0)])
def test_other_work_slows_a_run_down(monkeypatch, load, times):
    monkeypatch.setattr(precision.os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(precision.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(precision, "cores", lambda: 2)
    assert precision.slowdown() == times


@pytest.mark.parametrize(("usable", "threads"), [(0.25, 1), (1.0, 1), (1.5, 2), (8.0, 8)])
def test_there_are_as_many_threads_as_the_quota_keeps_busy(monkeypatch, usable, threads):
    rate = precision.product_rate()
    monkeypatch.setattr(precision, "usable_cores", lambda: usable)
    assert precision.cores() == threads
    assert precision.product_rate() / usable == pytest.approx(rate / len(os.sched_getaffinity(0)), rel=0.5)


def test_the_rate_of_this_machine_is_measured_quickly():
    begun = time.perf_counter()
    assert 1e9 < precision.product_rate() < 1e15
    assert time.perf_counter() - begun < 2
