"""Left-out tasks, on families drawn here and a policy whose success is a known function of its weights."""

from types import SimpleNamespace

import pytest
import torch
from suites.universal_subspace.left_out import gain_z, success_over_mean
from tests.suites.universal_subspace.test_shares import COUNT, Drawn


class Family(Drawn):
    """Drawn, with changes on a base of zeros."""

    def change(self, member):
        [stack] = self.stacked().values()
        return SimpleNamespace(base={"w": torch.zeros(stack.shape[1:])}, member=member)


class Policy:
    """Succeeds with the first entry of its matrix."""

    task = SimpleNamespace(space=lambda: iter([1, 2, 3]))

    def __init__(self, moved=None):
        self.moved = moved

    def moved_to(self, matrices):
        return Policy(matrices["w"])

    def success(self, problems):
        return self.moved[0, 0].expand(len(problems))


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def models():
    return SimpleNamespace(base=lambda change: Policy())


def test_success_is_that_of_what_is_rebuilt(models, rng):
    """Truth: an adapter less the mean of the other tasks', by hand."""
    family = Family(False)
    stack, task = family.stacked()["w"], torch.tensor(family.tasks)
    means = torch.stack([stack[task != t].mean(0) for t in family.tasks])
    by_hand = (stack - means)[:, 0, 0].mean().item()
    assert success_over_mean(family, models, rng, "own", "trained") == pytest.approx(by_hand, abs=1e-6)
    assert success_over_mean(family, models, rng, "mean", "trained") == 0.0


def test_a_basis_of_unrelated_adapters_gains_what_chance_does(rng):
    """z over ten tasks is about t with nine degrees of freedom: within 4; of what sixteen directions hold it is far beyond."""
    assert len(Drawn(False).tasks) == COUNT
    assert abs(gain_z(Drawn(False), rng)) < 4
    assert abs(gain_z(Drawn(True), rng, basis="matched")) < 4
    assert gain_z(Drawn(False), rng, made="sixteen") > 20
