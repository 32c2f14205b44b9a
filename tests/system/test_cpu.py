"""bfloat16 is chosen where the processor has it, and is close to float32."""

import time

import numpy as np
import pytest

from neurotransfer.system import cpu as precision
from neurotransfer.transfer.settings import PRESETS
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
    precision.choose_precision.cache_clear()
    assert precision.choose_precision("auto") == expected
    assert precision.choose_precision("float32") == "float32"
    assert precision.choose_precision("bfloat16") == "bfloat16"
    precision.choose_precision.cache_clear()


def test_losses_and_gradient_in_bfloat16(golden, weights):
    content, style, image = (golden[name].astype(np.float32) for name in ("content", "style", "image"))

    def found(dtype):
        return objective_of(VGG19(weights, "avg", dtype), PRESETS["classic"], content, style)(image)

    exact, rough = found("float32"), found("bfloat16")
    assert rough.losses["content"] == pytest.approx(golden["avg.content_loss"] * 10, rel=0.02)
    assert rough.losses["style"] == pytest.approx(golden["avg.style_loss"] * 40, rel=0.02)
    assert relative(rough.gradient, golden["avg.gradient"]) < 0.1
    assert relative(rough.gradient, exact.gradient) > 1e-4  # it is another arithmetic, not the same one twice


def test_the_rate_of_this_machine_is_measured_quickly():
    begun = time.perf_counter()
    assert 1e9 < precision.product_rate() < 1e15
    assert time.perf_counter() - begun < 2
