"""TIES in another basis: against TIES itself and KnOTS, of which it is the control."""

import harness as h
import pytest
import torch
from suites.task_vectors.turned import best_in_random_bases, random_bases, ties_turned, turned


@pytest.fixture
def model():
    g = torch.Generator().manual_seed(0)
    base = {"w": torch.randn(12, 20, generator=g), "v": torch.randn(7, generator=g)}
    return base, [{name: w0 + 0.1 * torch.randn(w0.shape, generator=g) for name, w0 in base.items()} for _ in range(3)]


def close(a, b):
    return all(torch.allclose(a[name], b[name], atol=1e-5) for name in b)


def test_in_the_entries_own_basis_it_is_ties(model):
    base, states = model
    found = ties_turned(base, states, {"w": torch.eye(12, dtype=torch.float64)})
    assert close(found, h.merge("ties", base, states, scope="tensor"))
    assert found["w"].dtype == base["w"].dtype


def test_in_the_experts_common_basis_it_is_knots(model):
    base, states = model
    joined = torch.cat([state["w"].double() - base["w"].double() for state in states], 1)
    u = torch.linalg.svd(joined, full_matrices=False).U
    assert close(ties_turned(base, states, {"w": u.T}), h.merge("knots", base, states))


def test_random_bases_are_orthogonal_of_matrices_alone_and_turn_back(model):
    base, (state, *_) = model
    bases = random_bases(base, torch.Generator().manual_seed(0))
    assert list(bases) == ["w"]
    assert torch.allclose(bases["w"] @ bases["w"].T, torch.eye(12, dtype=torch.float64), atol=1e-12)
    assert close(turned(base, turned(base, state, bases), {"w": bases["w"].T}), {n: w.double() for n, w in state.items()})


def test_the_factor_is_the_best_on_training_problems(model):
    """The value falls with the distance from a factor of .5 on training problems; held out it is the factor itself."""
    base, states = model

    class Judge:
        def __init__(self):
            self.base, self.states, self.seen = base, states, []

        def value(self, state, split):
            lam = ((state["v"] - base["v"]).norm() / (whole["v"] - base["v"]).norm()).item()
            return -abs(lam - 0.5) if split == "training" else lam

    judge = Judge()
    whole = ties_turned(base, states, random_bases(base, torch.Generator().manual_seed(0)))
    assert best_in_random_bases(judge, torch.Generator().manual_seed(0), (0.0, 0.4, 1.0)) == pytest.approx(0.4, abs=1e-5)
