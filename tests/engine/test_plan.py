"""From claims to runs: what is needed, in which order, and what a scale cannot offer."""

import harness as h
from pytest import fixture

from harness.claims import registry
from harness.engine import plan
from harness.engine.plan import Need


@fixture
def claim():
    """Declares a claim on a body and forgets it afterwards."""
    known = dict(registry._claims), dict(registry._papers)

    def declare(body, **more):
        given = dict(says="it holds", source="nowhere", bound=h.above(0), no_null="a test", no_plant="a test") | more
        return h.Paper("plans", arxiv="", title="Plans").claim(body.__name__.replace("_", "-"), **given)(body).__claim__

    yield declare
    registry._claims, registry._papers = known


def test_bases_come_before_the_arms_that_start_from_them(claim):
    def contrast(rlvr, sft): ...

    found = plan.needs(claim(contrast), "tiny", [0, 1])
    assert found == [
        Need("pretrain", "tiny", 0), Need("rlvr", "tiny", 0), Need("sft", "tiny", 0),
        Need("pretrain", "tiny", 1), Need("rlvr", "tiny", 1), Need("sft", "tiny", 1),
    ]  # fmt: skip


def test_an_arm_that_only_a_control_swaps_in_is_needed_too(claim):
    def floored(rlvr): ...

    found = plan.needs(claim(floored, floor=h.swap(rlvr="rlvr_twin")), "tiny", [3])
    assert Need("rlvr_twin", "tiny", 3) in found


def test_synthetic_arms_need_a_base_where_it_is_trained_and_nothing_where_it_is_real(claim):
    def synthetic(noise, decay): ...

    assert plan.needs(claim(synthetic), "tiny", [0]) == [Need("pretrain", "tiny", 0)]
    assert plan.needs(registry.find("plans/synthetic"), "small", [0]) == []
    assert plan.needs(registry.find("plans/synthetic"), "custom:mine", [0]) == []


def test_what_a_scale_does_not_offer_is_said(claim):
    def trained(rlvr): ...

    def real(noise): ...

    one, other = claim(trained), claim(real, needs=("real-weights", "gpu"))
    assert plan.unmet(one, "tiny") is None
    assert plan.unmet(one, "large") == "needs a run of the arm rlvr; scale large offers none"
    assert plan.unmet(other, "tiny", device="cuda") == "needs a real model's weights; scale tiny is trained here"
    assert "needs a GPU" in plan.unmet(other, "small")
    assert plan.unmet(other, "small", device="cuda") is None


def test_the_description_counts_what_is_missing_and_costs_it():
    wanted = [Need("sft", "tiny", seed) for seed in range(5)]
    text = plan.describe(wanted, set(wanted[:2]), {("sft", "tiny"): 4.0, ("sft", "small"): 99.0})
    assert text.splitlines()[1].split() == ["sft", "tiny", "5", "2", "3", "12"]
    assert text.endswith("5 runs, 2 cached, about 12 CPU-seconds of training to do")


def test_a_run_on_a_real_model_starts_from_no_other(claim):
    def tuned(rlvr, noise): ...

    assert plan.needs(claim(tuned), "small", [0]) == [Need("rlvr", "small", 0)]


def test_a_claim_is_nightly_where_it_says_so_or_a_real_model_must_be_trained(claim):
    def trained(rlvr): ...

    def synthetic(noise): ...

    def slow(decay): ...

    cheap, light, heavy = claim(trained), claim(synthetic), claim(slow, nightly=True)
    assert [plan.is_nightly(cheap, scale) for scale in ("tiny", "small")] == [False, True]
    assert not plan.is_nightly(cheap, "large")  # which cannot train it: it is skipped with that reason
    assert [plan.is_nightly(light, scale) for scale in ("tiny", "small")] == [False, False]
    assert plan.is_nightly(heavy, "tiny")
