import pytest
import torch

from harness.errors import MeasureError
from harness.spectra.shared_basis import Basis, held_out, subspace_merge


@pytest.fixture
def stack(generator):
    return torch.randn(8, 5, 6, generator=generator, dtype=torch.float64) + 0.3


GROUPS = (0, 0, 1, 1, 2, 2, 3, 3)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_a_basis_is_that_of_the_whole_stack(k, stack):
    """Truth: singular vectors of the N x mn matrix."""
    mean = stack.mean(0)
    v = torch.linalg.svd((stack - mean).flatten(1), full_matrices=False).Vh[:k]
    held = Basis.of(stack, k).held(stack)
    assert torch.allclose(held, mean + ((stack - mean).flatten(1) @ v.T @ v).view_as(stack), atol=1e-12)
    directions = Basis.of(stack, k).directions.flatten(1)
    assert torch.allclose(directions @ directions.T, torch.eye(k, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("k", [1, 4, 7])
def test_a_merge_in_the_basis_is_the_mean(k, stack):
    """The identity; and without centring it is not."""
    mean = stack.mean(0)
    assert (subspace_merge(stack, k) - mean).norm() < 1e-13 * mean.norm()
    assert (subspace_merge(stack, k, centred=False) - mean).norm() > 1e-3 * mean.norm()


def test_held_out_energies_by_brute_force(stack):
    found = held_out(stack, GROUPS, 2)
    for i, group in enumerate(GROUPS):
        others = torch.stack([x for x, each in zip(stack, GROUPS, strict=True) if each != group])
        rest = stack[i] - others.mean(0)
        v = torch.linalg.svd((others - others.mean(0)).flatten(1), full_matrices=False).Vh[:2]
        left = rest.flatten() - v.T @ (v @ rest.flatten())
        assert found.by_mean[i].item() == pytest.approx(rest.square().sum().item())
        assert found.by_both[i].item() == pytest.approx(left.square().sum().item())
        assert found.whole[i].item() == pytest.approx(stack[i].square().sum().item())
    assert torch.allclose(found.chance, found.by_mean * 2 / 30)


def test_noise_gains_what_chance_gains(generator):
    """Limit: of unrelated updates of 40 x 50 entries 5 directions hold 5 / 2000 of what the mean leaves, on average."""
    stack = torch.randn(40, 40, 50, generator=generator)
    found = held_out(stack, [i // 2 for i in range(40)], 5)
    gains = (found.by_mean - found.by_both) / found.chance
    assert gains.mean().item() == pytest.approx(1.0, abs=5 * (2 / 5 / 40) ** 0.5)


def test_updates_of_two_directions_are_held_whole_unless_those_come_from_elsewhere(generator):
    """Plant: whatever group is left out, the others span what it lies in."""
    directions = torch.randn(2, 6, 7, generator=generator, dtype=torch.float64)
    stack = torch.einsum("nk,kij->nij", torch.randn(8, 2, generator=generator, dtype=torch.float64), directions)
    found = held_out(stack, GROUPS, 2)
    assert (found.by_both / found.whole).max() < 1e-12
    elsewhere = held_out(stack, GROUPS, 2, torch.randn(8, 6, 7, generator=generator))
    assert torch.allclose(elsewhere.by_mean, found.by_mean)
    assert (elsewhere.by_both / elsewhere.by_mean).mean() > 0.7


def test_what_is_undefined_is_refused(stack):
    with pytest.raises(MeasureError, match="a stack of 8 updates has 7 directions, not 8"):
        Basis.of(stack, 8)
    with pytest.raises(MeasureError, match="8 updates need as many groups, two different ones"):
        held_out(stack, GROUPS[:-1], 2)
    with pytest.raises(MeasureError, match="two different ones"):
        held_out(stack, [0] * 8, 2)
    with pytest.raises(MeasureError, match="a source of their shape"):
        held_out(stack, GROUPS, 2, stack[:, :4])
