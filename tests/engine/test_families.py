"""A body that asks for a family gets all of its runs, stacked; the factors are what the runs moved."""

import harness as h
import pytest
import torch
from harness.engine import arms, item, plan
from harness.engine.lab import Lab
from harness.engine.plan import Need
from harness.errors import TrainingError
from harness.training import cache
from harness.training.adapter_arms_subspace import FAMILIES, OWN, OWN_SEED, SHARED
from harness.training.factors import factors
from tests.engine.test_plan import claim  # noqa: F401
from tests.training.conftest import cache_folder, few_steps, no_evaluation  # noqa: F401

TWO = {name: (members[0], members[5]) for name, members in FAMILIES.items()}
"""The first adapter of the first two maps."""


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(arms, "FAMILIES", TWO)


@pytest.fixture
def lab(cache_folder, few_steps, no_evaluation, two):  # noqa: F811
    """A laboratory with both families, four steps long."""
    cache.ensure_all([cache.Request(arm, "tiny", 0) for members in TWO.values() for arm in members])
    return Lab("tiny")


def test_a_claim_on_a_family_needs_its_members_and_their_base(claim, two):  # noqa: F811
    def body(affine_own, rng): ...

    made = claim(body, null=h.swap(affine_own="affine_shared"), no_null="")
    assert plan.arms_of(made) == TWO[OWN] + TWO[SHARED]
    assert plan.needs(made, "tiny", [2])[:2] == [Need("pretrain_affine", "tiny", 2), Need("affine_own_t0_0", "tiny", 2)]
    assert item.provides(OWN) and not item.provides("affine")
    assert arms.members("rlvr") == ("rlvr",) and arms.members("rng") == ()


def test_a_body_gets_the_family_or_the_one_swapped_in(claim, lab):  # noqa: F811
    def body(affine_own, rng): ...

    made = claim(body, null=h.swap(affine_own="affine_shared"), no_null="")
    own, shared = (lab.arguments(made, 0, control, purpose="test")[OWN] for control in (None, *made.nulls))
    assert [run.arm for run in own.runs] == list(TWO[OWN]) and [run.arm for run in shared.runs] == list(TWO[SHARED])
    assert own.tasks == shared.tasks and len(set(own.tasks)) == 2


def test_factors_are_what_the_runs_moved(lab):
    """Truth: merged weights less the base's, to fp32's rounding of the sum."""
    family = lab.family(OWN, 0)
    stacked = family.stacked()
    for at, run in enumerate(family.runs):
        seen, found = run.change(), family.change(at)
        assert found.update.keys() == seen.update.keys() == stacked.keys()
        for name, update in seen.update.items():
            assert torch.equal(found.base[name], seen.base[name])
            assert torch.allclose(stacked[name][at], update, atol=1e-7) and update.abs().max() > 1e-4
            assert torch.allclose(found.update[name], stacked[name][at], atol=1e-12)


def test_one_seed_draws_one_a_and_own_seeds_draw_their_own(lab):
    for name, one in ((SHARED, True), (OWN, False)):
        start = lab.family(name, 0).factors(0)
        assert all(torch.equal(*sides.a) == one and not sides.b.any() for sides in start.values())
    assert lab.family(OWN, 0).runs[1].adapter["seed"] == OWN_SEED + 5


def test_members_become_policies_on_their_own_map(lab, claim):  # noqa: F811
    def body(affine_own, models): ...

    given = lab.arguments(claim(body), 0, None, purpose="test")
    policy = given["models"].base(given[OWN].change(1))
    assert {p.prompt[0] for p in policy.task.space()} == {"1"}


def test_a_run_without_lora_has_no_factors(lab):
    with pytest.raises(TrainingError, match="trained no adapters"):
        factors(lab.run("pretrain_affine", 0))
