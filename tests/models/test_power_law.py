"""The model of power-law spectra: its singular values, its frames, and that a seed gives the same bits."""

import pytest
import torch
from harness.models import power_law


@pytest.fixture(scope="module")
def model():
    return power_law.build(3)


def test_every_linear_layer_but_the_head_has_the_spectrum(model):
    """Truth: svdvals against 3 i^-.8."""
    found = power_law.linear(model)
    assert len(found) == 14
    assert {tuple(w.shape) for w in found.values()} == {(64, 64), (128, 64), (64, 128)}
    wanted = 3 * torch.arange(1, 65, dtype=torch.float64) ** -0.8
    for weight in found.values():
        torch.testing.assert_close(torch.linalg.svdvals(weight.double()), wanted, rtol=1e-5, atol=0)
    assert model.lm_head.weight.std().item() == pytest.approx(power_law.STD, rel=0.05)


def test_its_size_is_the_sheets(model):
    assert sum(p.numel() for p in model.parameters()) == 94_528


def test_frames_are_random(model):
    """Limit: two matrices' leading left directions meet at chance, k / m."""
    u, v = (torch.linalg.svd(model.model.layers[0].self_attn.get_submodule(f"{x}_proj").weight).U[:, :8] for x in "qk")
    assert (u.T @ v).square().sum().item() / 8 == pytest.approx(8 / 64, abs=0.06)


def test_a_seed_gives_the_same_bits_and_leaves_the_global_generator(model):
    state = torch.get_rng_state()
    again, other = power_law.build(3), power_law.build(4)
    assert torch.equal(state, torch.get_rng_state())
    first, second, third = (power_law.linear(each).values() for each in (model, again, other))
    assert all(torch.equal(a, b) and not torch.equal(a, c) for a, b, c in zip(first, second, third, strict=True))


def test_tokens_are_of_the_vocabulary():
    ids = power_law.tokens(5)
    assert ids.shape == (8, 24) and 0 <= ids.min() and ids.max() < 96
    assert torch.equal(ids, power_law.tokens(5)) and not torch.equal(ids, power_law.tokens(6))
