"""What the family learns, in seconds: the full-rank step converges, controls lag, GaLore's counterexample stands."""

import pytest
import torch
from harness.optimizers import Subspace, SubspaceOptimizer, preset


def regression(subspace, lr, steps=150, trained=True):
    """Loss on a linear target of full rank, 24 x 32, where the hidden matrix takes the subspace."""
    torch.manual_seed(0)
    x, target = torch.randn(256, 32), torch.randn(24, 32) / 32**0.5
    weight = torch.nn.Parameter(torch.zeros(24, 32))
    bias = torch.nn.Parameter(torch.zeros(24))
    optimizer = SubspaceOptimizer([{"params": [weight] if trained else [], "subspace": subspace}, {"params": [bias]}], lr=lr)
    y = x @ target.T + 0.5
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        found = (x @ weight.T + bias - y).square().mean()
        found.backward()
        optimizer.step()
        schedule.step()
    return found.item()


def test_adamw_converges_and_what_is_held_or_has_one_direction_lags():
    full = regression(None, 0.03)
    frozen = regression(None, 0.03, trained=False)
    fixed = regression(Subspace(rank=1, refresh=None), 0.03)
    assert full < 1e-3 and frozen > 0.5
    assert fixed > 0.8 * frozen and fixed > 100 * full


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("galore", dict(scale=1.0)), ("sara", dict(scale=1.0)), ("fira", dict(scale=1.0)), ("ldadam", {}), ("apollo", {}),
        ("apollo-mini", dict(rank=1, scale=24.0)),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_refreshed_subspaces_reach_what_a_fixed_one_cannot(name, changes):
    chosen = preset(name, **({"rank": 6} | ({} if name == "ldadam" else {"refresh": 5}) | changes))["subspace"]
    assert regression(chosen, 0.05) < 0.1 < regression(Subspace(rank=6, refresh=None), 0.05)


@pytest.mark.parametrize(
    ("late_from", "projector", "low", "high"),
    [(0, "svd", 1.0, 9.0), (500, "svd", 0.0, 0.3), (0, "stiefel", 0.0, 0.3)],
    ids=["galore", "golore", "random"],
)
def test_galore_need_not_converge_where_noise_leads(late_from, projector, low, high):
    """Claim T6, GoLore 2410.11289: noise of one direction fills the leading subspace, and the gradient never enters it.

    n = 10, r = 4, T = 20, plain SGD, 2000 steps; the true gradient's norm at the end. SVD early and random late, or random
    throughout, converges.
    """
    g = torch.Generator().manual_seed(0)
    n, r = 10, 4
    shift, start = torch.zeros(n, n, dtype=torch.float64), torch.zeros(n, n, dtype=torch.float64)
    shift[: n - r, : n - r] = torch.randn(n - r, n - r, generator=g, dtype=torch.float64)
    start[: n - r, : n - r] = 0.5 * torch.eye(n - r)
    start[n - r :] = torch.randn(r, n, generator=g, dtype=torch.float64)
    noise = torch.zeros(n, n, dtype=torch.float64)
    noise[n - r :, n - r :] = torch.eye(r)
    x = torch.nn.Parameter(start)
    options = Subspace(rank=r, projector=projector, refresh=20, side="left", second="none",
                       late_projector="stiefel" if late_from else None, late_from=late_from)  # fmt: skip
    optimizer = SubspaceOptimizer([x], lr=2e-2, betas=(0.0, 0.0), subspace=options)
    for _ in range(2000):
        true = x.detach() + shift
        true[n - r :] = 0.0
        sign = 1.0 if torch.rand((), generator=g) < 0.5 else -1.0
        x.grad = true + sign * noise
        optimizer.step()
    assert low <= true.norm().item() <= high
