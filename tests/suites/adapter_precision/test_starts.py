"""How far a start is off: against W0 - D rounded by hand, and nothing where nothing is taken."""

import pytest
import torch
from suites.adapter_precision.starts import start


@pytest.fixture
def base():
    draw = torch.Generator().manual_seed(0)
    return {f"m{i}": torch.randn(24, 40, generator=draw) for i in range(2)}


def test_milora_is_off_by_the_rounding_of_what_is_left(base):
    off = taken = 0.0
    for w0 in base.values():
        first = w0.bfloat16().double()
        u, s, vh = torch.linalg.svd(first, full_matrices=False)
        part = (u[:, -8:] * s[-8:]) @ vh[-8:]
        off += ((first - part).bfloat16().double() + part - first).square().sum().item()
        taken += part.square().sum().item()
    found = start(base, "milora", "bf16")
    assert found.off == pytest.approx(off**0.5, rel=0.02) and found.taken == pytest.approx(taken**0.5, rel=1e-5)
    assert found.base == pytest.approx(sum(w0.bfloat16().double().square().sum().item() for w0 in base.values()) ** 0.5)


def test_lora_and_mica_take_nothing(base):
    assert start(base, "lora", "bf16")[:2] == start(base, "mica", "bf16")[:2] == (0.0, 0.0)


def test_fp32_is_off_by_its_own_rounding(base):
    assert start(base, "pissa", "fp32").off < 1e-6 * start(base, "pissa", "fp32").base
