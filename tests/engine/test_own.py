"""What --claim-base, --claim-tuned and --claim-where say, and which claims it suffices for."""

from dataclasses import replace

import pytest

import harness as h
from harness.claims import registry
from harness.engine import own, plan
from harness.errors import HarnessError, ModelError


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """Files called base, a, b and c in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("base", "a", "b", "c"):
        (tmp_path / name).touch()


@pytest.fixture
def claim(monkeypatch):
    monkeypatch.setattr(registry, "_claims", {})
    monkeypatch.setattr(registry, "_papers", {})

    def declare(body, **more):
        given = dict(says="it holds", source="nowhere", bound=h.above(0), no_null="a test", no_plant="a test") | more
        return h.Paper("owns", arxiv="", title="Owns").claim("one", **given)(body).__claim__

    return declare


def given(*arms, replicates=1):
    return own.Own("base", tuple((arm, tuple(f"{arm}{i}" for i in range(replicates))) for arm in arms))


def test_arms_and_replicates_come_in_the_order_given(paths):
    found = own.read("base", ["sft=a", "rlvr=b"], "mlp")
    assert found == own.Own("base", (("sft", ("a",)), ("rlvr", ("b",))), "mlp")
    assert (found.arms, found.replicates, found.path("rlvr", 0)) == (("sft", "rlvr"), 1, "b")
    twice = own.read("base", ["rlvr=c", "rlvr=a"], None)
    assert (twice.replicates, [twice.path("rlvr", seed) for seed in (0, 1)]) == (2, ["c", "a"])
    assert own.read(None, None, None) is None


@pytest.mark.parametrize(
    ("base", "tuned", "where", "sentence"),
    [
        (None, ["rlvr=a"], None, "--claim-tuned needs the checkpoint that was tuned; add --claim-base PATH"),
        (None, [], "mlp", "--claim-where needs the checkpoint that was tuned; add --claim-base PATH"),
        ("base", None, None, "--claim-base needs checkpoints that were tuned from it; add --claim-tuned ARM=PATH"),
        ("base", ["rlvr"], None, "--claim-tuned rlvr: write ARM=PATH, such as rlvr=runs/a"),
        ("base", ["=a"], None, "--claim-tuned =a: write ARM=PATH"),
        ("base", ["rlvr="], None, "--claim-tuned rlvr=: write ARM=PATH"),
        ("base", ["rlvrr=a"], None, "--claim-tuned rlvrr=a: unknown arm 'rlvrr': did you mean 'rlvr'?"),
        ("base", ["noise=a"], None, "--claim-tuned noise=a: noise is drawn here on the base; leave it out"),
        ("base", ["rlvr=gone"], None, "--claim-tuned rlvr: gone does not exist; give a model folder"),
        ("gone", ["rlvr=a"], None, "--claim-base: gone does not exist"),
        ("base", ["rlvr=a", "rlvr=./a"], None, "--claim-tuned: ./a is given twice; every checkpoint is a run of its own"),
        ("base", ["rlvr=base"], None, "--claim-tuned: base is given twice"),
        ("base", ["rlvr=a", "rlvr=b", "sft=c"], None, "rlvr has 2, sft has 1; give each arm the same number"),
        ("base", ["rlvr=a"], "(", "--claim-where (: no regular expression"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_does_not_fit_is_refused_in_one_sentence(base, tuned, where, sentence, paths):
    with pytest.raises(HarnessError) as refused:
        own.read(base, tuned, where)
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


def test_a_claim_of_weights_alone_is_met(claim):
    def contrast(rlvr, sft, noise, base, rng): ...

    assert given("rlvr", "sft").unmet(claim(contrast, needs="real-weights")) is None


@pytest.mark.parametrize(
    ("takes", "reason"),
    [
        (("sft", "rlvr"), "needs the arm sft: give --claim-tuned sft=PATH"),
        (("sft", "raft"), "needs the arms sft and raft: give --claim-tuned sft=PATH and --claim-tuned raft=PATH"),
        (("rlvr", "models"), "needs models that answer (models): only weights are at hand"),
        (("rlvr", "small"), "needs small: only weights are at hand"),
        (("rng",), "takes no arm: nothing in it depends on your checkpoints"),
    ],
    ids=["arm", "arms", "models", "handle", "identity"],
)
def test_what_is_missing_is_said(takes, reason, claim):
    def one(): ...

    assert given("rlvr").unmet(replace(claim(one), arms=takes)) == reason


def test_an_arm_that_a_null_swaps_in_is_asked_for(claim):
    def one(rlvr): ...

    swapped = claim(one, null=h.swap(rlvr="sft"), no_null="")
    assert given("rlvr").unmet(swapped) == "needs the arm sft: give --claim-tuned sft=PATH"
    assert given("rlvr", "sft").unmet(swapped) is None


def test_a_noise_floor_may_be_missing_and_is_then_left_out(claim):
    def one(rlvr): ...

    floored = claim(one, floor=h.swap(rlvr="rlvr_twin"))
    without, both = given("rlvr"), given("rlvr", "rlvr_twin")
    assert without.unmet(floored) is None and without.measurable(floored).floor is None
    assert without.no_floor(floored).endswith("neither supported nor refuted: give --claim-tuned rlvr_twin=PATH")
    assert both.measurable(floored) is floored and both.no_floor(floored) is None


def test_arms_that_nothing_takes_are_told(claim):
    def one(rlvr): ...

    floored = claim(one, floor=h.swap(rlvr="rlvr_twin"))
    assert given("rlvr", "rlvr_twin").unused([floored]) == []
    assert given("rlvr", "sft").unused([floored]) == ["no claim that was selected takes sft: --claim-nightly selects more of them"]


def test_the_plan_asks_the_checkpoints_and_trains_nothing(claim):
    def one(rlvr): ...

    rows = claim(one, needs=("real-weights", "gpu"))
    assert plan.unmet(rows, "own", own=given("rlvr")) == "needs a GPU; run with --claim-device cuda"
    assert plan.unmet(rows, "own", device="cuda", own=given("rlvr")) is None
    assert plan.needs(rows, "own", [0]) == [] and not plan.is_nightly(rows, "own")


def test_checkpoints_are_opened_before_anything_is_measured(checkpoint, noise):
    base, tuned = checkpoint("base"), checkpoint("tuned", noise)
    own.read(base, [f"rlvr={tuned}"], None).check()
    with pytest.raises(ModelError, match=r"share no matrix of equal shape \(layers.0.mlp.gate_proj is 48 x 32 and 40 x 32\)"):
        own.read(base, [f"rlvr={checkpoint('narrow', noise, rows=40)}"], None).check()
    with pytest.raises(ModelError, match="selects none of 4 matrices"):
        own.read(base, [f"rlvr={tuned}"], "attention").check()
    with pytest.raises(ModelError, match="equals .*base in every matrix that is compared: give a checkpoint that was trained"):
        own.read(base, [f"rlvr={checkpoint('copy')}"], None).check()
