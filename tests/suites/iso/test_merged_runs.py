"""Runs merged, on models whose success is a known function of their weights."""

from types import SimpleNamespace

import harness as h
import pytest
import torch
from suites.iso import merged_runs, whole_model
from suites.iso.merged_runs import Runs, kept

PROJECTION, NORM = "model.layers.0.mlp.up_proj.weight", "model.norm.weight"


class Policy:
    """Succeeds with the mean of the norm's entries, .2 of the base and .6 and .8 of the runs."""

    task = SimpleNamespace(name="sums")

    def __init__(self, state=None):
        self.state = state

    def holding(self, state):
        return Policy(dict(state))

    def success(self):
        return self.state[NORM].double().mean().item()


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    monkeypatch.setattr(whole_model, "_POLICIES", {})
    monkeypatch.setattr(whole_model, "_SUCCESS", {})
    monkeypatch.setattr(whole_model, "held_out_success", lambda policy: policy.success())
    for name in ("_LAST", "_KEPT", "_LENGTH"):
        monkeypatch.setattr(merged_runs, name, {})


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(2)


@pytest.fixture
def states(rng):
    base = {PROJECTION: torch.randn(12, 8, generator=rng), NORM: torch.full((4,), 0.2)}

    def run(end):
        return {PROJECTION: base[PROJECTION] + 0.01 * torch.randn(12, 8, generator=rng), NORM: torch.full((4,), end)}

    return base, [run(0.6), run(0.8)]


@pytest.fixture
def arms():
    return [SimpleNamespace(graded="sums", run_keys=(f"run {at}",), at=at) for at in range(2)]


@pytest.fixture
def models(states):
    base, ends = states
    return SimpleNamespace(
        base=lambda arm: Policy(), weights=lambda arm, step="last": base if step == "first" else ends[arm.at]
    )


def test_shares_are_by_hand(models, arms, rng):
    """Gains .4 and .6, of which the mean has .5; half of the first has .2."""
    runs = Runs(models, arms)
    assert runs.gains == pytest.approx([0.4, 0.6])
    wanted = {"mean": 1.0, "part": 0.4, "best": 1.2, "base": 0.0, "iso": 1.0, "lengthened": 1.0}
    for merge, share in wanted.items():
        assert runs.kept(merge, rng) == pytest.approx(share, abs=1e-6), merge


def test_only_projections_are_merged_in_frames(models, arms, states):
    base, ends = states
    iso = Runs(models, arms).merged("iso")
    alone = h.merge("iso", {"w": base[PROJECTION]}, [{"w": end[PROJECTION]} for end in ends])["w"]
    assert torch.equal(iso[PROJECTION], alone) and torch.allclose(iso[NORM], torch.full((4,), 0.7))


def test_the_mean_is_made_as_long_in_projections_alone(models, arms, states):
    base = states[0]
    runs = Runs(models, arms)
    iso, mean, longer = (runs.merged(merge) for merge in ("iso", "mean", "lengthened"))
    one, other, short = ((state[PROJECTION] - base[PROJECTION]).norm() for state in (iso, longer, mean))
    assert other == pytest.approx(one.item(), rel=1e-4) and short < other
    assert torch.equal(longer[NORM], mean[NORM])


def test_a_shuffled_merge_has_the_entries_of_the_merge(models, arms, rng, states):
    """So here, where every entry of the norm is one, nothing changes."""
    runs = Runs(models, arms)
    assert runs.kept("mean", rng, "shuffled") == pytest.approx(1.0, abs=1e-6)
    states[1][0][NORM][:2] = 1.0
    moved = merged_runs.shuffled(states[0], runs.merged("mean"), rng)
    assert not torch.equal(moved[PROJECTION], runs.merged("mean")[PROJECTION])


def test_what_was_found_is_remembered_by_the_runs(models, arms, rng, monkeypatch):
    found = [kept(models, arms, merge, rng) for merge in ("iso", "mean", "lengthened")]
    merged_runs._LAST.clear()
    monkeypatch.setattr(merged_runs, "Runs", None)
    assert [kept(models, arms, merge, rng) for merge in ("iso", "mean", "lengthened")] == found
    with pytest.raises(TypeError):
        kept(models, arms[::-1], "mean", rng)


def test_the_length_of_a_merge_is_known_without_making_it_again(models, arms, rng, monkeypatch):
    kept(models, arms, "iso", rng)
    wanted = Runs(models, arms).merged("lengthened")[PROJECTION]
    monkeypatch.setattr(Runs, "_iso", None)
    assert torch.equal(Runs(models, arms).merged("lengthened")[PROJECTION], wanted)


def test_a_merge_that_does_not_exist_is_an_error(models, arms, rng):
    with pytest.raises(KeyError):
        kept(models, arms, "other", rng)
