"""KnOTS against the SVD of the concatenation, step by step."""

import torch
from harness.merging import Given
from harness.merging.knots import knots
from harness.merging.ties import ties
from pytest import mark


@mark.parametrize("shape", [(9, 14), (30, 6), (8, 8)], ids=str)
@mark.parametrize("density", [0.3, 1.0])
def test_it_is_ties_on_the_right_vectors(shape, density, normal):
    w0 = normal(*shape)
    experts = [w0 + normal(*shape) for _ in range(3)]
    u, s, vh = torch.linalg.svd(torch.cat([e - w0 for e in experts], dim=1), full_matrices=False)
    parts = [s[:, None] * part for part in vh.split(shape[1], dim=1)]
    merged = w0 + 0.6 * u @ ties(torch.zeros_like(parts[0]), parts, density=density)
    assert torch.allclose(knots(w0, experts, Given(), density=density, lam=0.6), merged, atol=1e-11)


def test_a_common_low_rank_basis_is_found_exactly(normal):
    """Updates B A_i of one B: representations lie in its 3 columns, and keeping all of them is entry by entry in that basis."""
    b = torch.linalg.qr(normal(20, 3)).Q
    w0 = normal(20, 12)
    experts = [w0 + b @ normal(3, 12) for _ in range(2)]
    outside = knots(w0, experts, Given()) - w0
    outside -= b @ (b.T @ outside)
    assert outside.abs().max() < 1e-12


def test_dare_of_the_representations_has_the_means_expectation(normal):
    w0 = torch.zeros(12, 40).double()
    experts = [normal(12, 40) for _ in range(2)]
    draws = [knots(w0, experts, Given(generator=torch.Generator().manual_seed(s)), represent="dare") for s in range(400)]
    off = torch.stack(draws).mean(0) - (experts[0] + experts[1]) / 2
    assert off.abs().max() < 6 * torch.stack(draws).std(0).max() / 20
