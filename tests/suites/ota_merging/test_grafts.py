"""Grafts against a sort of the scores, and what is left of second moments."""

import pytest
import torch
from suites.ota_merging.grafts import graft, seen


@pytest.fixture
def model():
    """Two parameters, their update and second moments, the second's a thousand times larger."""
    g = torch.Generator().manual_seed(0)
    shapes = {"a": (20, 10), "b": (30, 10)}
    base = {name: torch.randn(*shape, generator=g) for name, shape in shapes.items()}
    state = {name: w0 + 0.01 * torch.randn(w0.shape, generator=g) for name, w0 in base.items()}
    moments = {name: torch.rand(w0.shape, generator=g) * (1e-9 if name == "a" else 1e-6) for name, w0 in base.items()}
    return base, state, moments


def kept(base, found):
    return torch.cat([(found[name] != w0).flatten() for name, w0 in base.items()])


@pytest.mark.parametrize("by", ["fisher", "magnitude", "rank-one", "level"])
def test_a_graft_is_the_top_of_its_score(by, model):
    """Truth: all scores sorted; the kept entries are the state's, bit for bit or nearly."""
    base, state, moments = model

    def score(name):
        tau, v = state[name] - base[name], moments[name]
        if by == "magnitude":
            return tau.abs()
        v = {"fisher": v, "level": v.mean().expand_as(v), "rank-one": torch.outer(v.sum(1), v.sum(0)) / v.sum()}[by]
        return v * tau.square()

    found = graft(base, state, moments, by, 0.2, torch.Generator().manual_seed(0))
    flat = torch.cat([score(name).flatten() for name in base])
    top = torch.zeros(len(flat), dtype=torch.bool)
    top[flat.argsort(descending=True)[:100]] = True
    assert torch.equal(kept(base, found), top)
    ends = torch.cat([state[name].flatten() for name in base])
    assert torch.allclose(torch.cat([found[name].flatten() for name in base])[top], ends[top], atol=1e-6)


def test_everything_is_kept_at_density_one_and_a_share_at_random(model):
    base, state, moments = model
    rng = torch.Generator().manual_seed(3)
    for by in ("fisher", "permuted", "level", "magnitude", "random"):
        whole = graft(base, state, moments, by, 1.0, rng)
        assert all(torch.allclose(whole[name], w, atol=1e-6) for name, w in state.items())
    assert 0.1 < kept(base, graft(base, state, moments, "random", 0.2, rng)).float().mean() < 0.3


def test_what_is_left_of_second_moments(model):
    _, _, moments = model
    rng = torch.Generator().manual_seed(0)
    permuted, level = seen(moments, "permuted", rng), seen(moments, "level", rng)
    for name, v in moments.items():
        assert torch.equal(permuted[name].flatten().sort().values, v.flatten().sort().values)
        assert not torch.equal(permuted[name], v) and torch.allclose(level[name], v.mean().expand_as(v))
    assert seen(moments, "fisher", rng) is moments
