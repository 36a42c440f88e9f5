"""Subspace alignment in closed form, its limits, and the correlation."""

import pytest
import torch
from suites.isotropic_merging.alignment import cosine, mean_over_matrices, pearson, subspace_alignment


def test_alignment_is_the_share_on_the_kept_directions():
    """Truth: of singular values 1, 1e-3 the second is a tail of 1e-6 and goes; of 1, .1 it stays."""
    tau = torch.zeros(4, 4).double()
    tau[0, 0], tau[1, 1] = 3.0, 4.0
    merged = torch.diag(torch.tensor([1.0, 1e-3, 0.0, 0.0])).double()
    assert subspace_alignment(tau, merged) == pytest.approx(0.6)
    merged[1, 1] = 0.1
    assert subspace_alignment(tau, merged) == pytest.approx(1.0)


def test_a_flat_update_is_aligned_with_everything():
    generator = torch.Generator().manual_seed(0)
    tau = torch.randn(8, 8, generator=generator).double()
    assert subspace_alignment(tau, torch.eye(8).double()) == pytest.approx(1.0)
    assert abs(cosine(tau, torch.eye(8).double())) < 0.5 and cosine(tau, 2 * tau) == pytest.approx(1.0)


def test_the_mean_is_over_judged_matrices():
    name = "model.layers.0.mlp.up_proj.weight"
    base = {name: torch.zeros(3, 3), "lm_head.weight": torch.zeros(3, 3)}
    one, other = ({name: torch.eye(3) * c, "lm_head.weight": torch.full((3, 3), c)} for c in (1.0, -2.0))
    assert mean_over_matrices("cosine", base, one, other) == pytest.approx(-1.0)
    assert mean_over_matrices("sar", base, one, other) == pytest.approx(1.0)


def test_pearson_is_torchs():
    x, y = torch.randn(2, 9, generator=torch.Generator().manual_seed(0)).double()
    assert pearson(x.tolist(), y.tolist()) == pytest.approx(torch.corrcoef(torch.stack([x, y]))[0, 1].item())
    assert pearson([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == pytest.approx(1.0)
