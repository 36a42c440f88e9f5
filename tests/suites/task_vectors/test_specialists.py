"""Specialists merged, on models whose success is a known function of their weights."""

from types import SimpleNamespace

import pytest
import torch
from suites.task_vectors import specialists
from suites.task_vectors.specialists import GRIDS, Specialists, lengthened, low_rank, masked, relative_size, shuffled

TASKS = ("one", "two")


class Policy:
    """Succeeds on task k with the k-th diagonal entry of `w`, on training problems as on held-out ones."""

    def __init__(self, state, task="one", count=None):
        self.state, self.task, self.count = state, task, count if count is not None else []

    def holding(self, state):
        self.count.append(1)
        return Policy(state, self.task, self.count)

    def on(self, task):
        return Policy(self.state, task, self.count)

    def held_out(self):
        return [1.0]

    def problems(self, count, seed):
        return [1.0] * count

    def success(self, problems):
        at = TASKS.index(self.task)
        return torch.tensor(problems) * self.state["w"][at, at]


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    monkeypatch.setattr(specialists, "_REMEMBERED", {})


@pytest.fixture
def states():
    """A base of .2, and experts that reach .8 on their task and lose .1 on the other."""
    base = {"w": 0.2 * torch.eye(4), "v": torch.zeros(3)}
    ends = []
    for at in range(2):
        w = base["w"].clone()
        w[at, at], w[1 - at, 1 - at] = 0.8, 0.1
        ends.append({"w": w, "v": torch.full((3,), at + 1.0)})
    return base, ends


@pytest.fixture
def made(states):
    base, ends = states
    experts = [SimpleNamespace(graded=task, run_keys=(f"key of {task}",)) for task in TASKS]
    models = SimpleNamespace(
        base=lambda arm: Policy(base),
        weights=lambda arm, step="last": base if step == "first" else ends[experts.index(arm)],
    )
    return lambda how="trained", rel=None: Specialists(models, experts, torch.Generator().manual_seed(0), how, rel)


def test_values_are_by_hand(made, states):
    """Base .25 of each; the mean has .45; the sum at lam has .2 + .5 lam, of .8."""
    s = made()
    assert s.own() == pytest.approx([0.8, 0.8]) and s.value(s.base) == pytest.approx(0.25)
    assert s.best("mean") == pytest.approx(0.45 / 0.8)
    assert s.kept(states[1][0]) == pytest.approx([1.0, 0.125]) and s.retained(s.states) == pytest.approx(1.0)
    assert s.gained(s.merged("mean")) == pytest.approx([0.25 / 0.6] * 2)
    assert s.best("task-arithmetic") == pytest.approx((0.2 + 0.5 * max(GRIDS["task-arithmetic"])) / 0.8)


@pytest.mark.parametrize("method", sorted(GRIDS))
def test_a_tuned_rule_is_the_rule_at_that_factor(method, made):
    """Truth: merged anew at the factor found; linearity is only a short cut."""
    s = made()
    lam, state = s.tuned(method)
    again = s.merged(method, lam=lam)
    assert all(torch.allclose(state[name], w, atol=1e-6) for name, w in again.items())
    assert s.best(method) == pytest.approx(max(s.value(s.merged(method, lam=each)) for each in GRIDS[method]), rel=1e-5)


def test_grids_are_of_one_size_and_offer_the_base():
    assert len({len(grid) for grid in GRIDS.values()}) == 1 and all(grid[0] == 0.0 for grid in GRIDS.values())


def test_merges_of_specialists_as_trained_are_remembered_and_no_others(made):
    first = made()
    first.best("ties")
    again = made()
    before = len(again.policy.count)
    assert again.best("ties") == first.best("ties") and len(again.policy.count) == before
    for other in (made("shuffled"), made(rel=0.1), made().with_states(made().states)):
        before = len(other.policy.count)
        other.best("ties")
        assert len(other.policy.count) == before + len(GRIDS["ties"]) + 1


def test_a_null_is_over_the_successes_of_the_specialists_as_trained(made):
    assert made("shuffled").own() == made(rel=1.0).own() == made().own()


def test_shuffling_keeps_the_entries_of_every_update(states):
    base, (state, _) = states
    moved = shuffled(base, state, torch.Generator().manual_seed(1))
    for name, w0 in base.items():
        assert torch.allclose((moved[name] - w0).flatten().sort().values, (state[name] - w0).flatten().sort().values)
    assert not torch.equal(moved["w"], state["w"])


def test_stretched_specialists_have_the_size_asked_for(made):
    s = made(rel=0.3)
    assert [relative_size(s.base, each) for each in s.states] == pytest.approx([0.3, 0.3])
    doubled = lengthened(s.base, s.states[0], 2.0)
    assert relative_size(s.base, doubled) == pytest.approx(0.6)


def test_masks_and_low_ranks_at_their_limits(states):
    base, (state, _) = states
    rng = torch.Generator().manual_seed(0)
    for whole in (masked(base, state, 1.0, rng), low_rank(base, state, 1.0), low_rank(base, state, 1.0, rng)):
        assert all(torch.allclose(whole[name], w, atol=1e-6) for name, w in state.items())
    assert all(torch.equal(masked(base, state, 0.0, rng)[name], w0) for name, w0 in base.items())
    cut = low_rank(base, state, 0.25)
    assert (cut["w"] - base["w"]).diagonal().tolist() == pytest.approx([0.6, 0.0, 0.0, 0.0], abs=1e-6)
    assert torch.equal(cut["v"], state["v"])
