import pytest
import torch

from harness.nulls.coherent_sign import coherent_sign


def test_every_entry_moves_by_the_same_amount_up_or_down(arm, generator):
    surrogate = coherent_sign(arm, generator)
    for name, d in surrogate.update.items():
        assert d.abs().min().item() == d.abs().max().item() == pytest.approx(arm.norm()[name] / d.numel() ** 0.5)
        # As many up as down, within five standard errors 1 / sqrt(count).
        assert abs(torch.sign(d).mean().item()) < 5 / d.numel() ** 0.5
