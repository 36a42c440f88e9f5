import dataclasses
import json

import pytest

from harness.claims import Claim, above, below, differs, equivalent, exact, fraction, greater, null, plant, swap, variant
from harness.errors import SpecError

BOUNDS = [below(1, on="log"), above(0.1), equivalent(0.5, 2), greater(0.1), differs(0.0), fraction(0.8), exact(), exact(0)]


@pytest.fixture
def full(make_claim):
    return make_claim(
        below(1.0, on="log"),
        null=("isotropic", null("gated_isotropic", on="sft", must="refuted", strength=0.5)),
        plant=(plant("scaled_spectrum", on="*"), variant(k=8)),
        floor=swap(rlvr="rlvr_twin"),
        expect=(("small", "open"), ("tiny", "inconclusive")),
        needs=("bf16", "gpu"),
        version=2,
        why="the limit was read from the wrong figure",
        seeds=4,
    )


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.text())
def test_spec_round_trips_through_json(make_claim, bound):
    claim = make_claim(bound)
    restored = Claim.from_spec(json.loads(json.dumps(claim.spec(), allow_nan=False)))
    assert restored == claim and restored.sha == claim.sha


def test_a_full_spec_round_trips(full):
    restored = Claim.from_spec(json.loads(json.dumps(full.spec())))
    assert restored == full and restored.sha == full.sha and hash(restored) == hash(full)


def test_the_hash_is_pinned(full):
    """Stored with every verdict. If this fails, every stored claim looks changed: was that meant?"""
    assert full.sha == "4bbf6c93f6eb119d"


CHANGES = {
    "id": {"id": "some-paper/another"},
    "bound": {"bound": below(1.0)},
    "within": {"within": "max"},
    "arms": {"arms": ("sft", "rlvr")},
    "nulls": {"nulls": (null("isotropic"),)},
    "plants": {"plants": (variant(k=8),)},
    "floor": {"floor": None},
    "expect": {"expect": (("tiny", "inconclusive"),)},
    "alpha": {"alpha": 0.01},
    "needs": {"needs": ()},
    "version": {"version": 3},
    "seeds": {"seeds": 5},
    "confirmatory": {"confirmatory": False},
    "no_null": {"nulls": (), "no_null": "another excuse"},
    "no_plant": {"plants": (), "no_plant": "another excuse"},
    "paper": {"paper": "other", "id": "other/a-claim"},
}


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Claim) if f.name not in ("why", "nightly")])
def test_every_field_but_why_and_nightly_is_under_the_hash(full, field):
    if field.startswith("no_"):  # an excuse stands only where there is no control
        full = dataclasses.replace(full, **(CHANGES[field] | {field: "an excuse"}))
    changed = dataclasses.replace(full, **CHANGES.get(field, {field: "something else"}))
    assert getattr(changed, field) != getattr(full, field)
    assert changed.sha != full.sha


@pytest.mark.parametrize("field", [{"why": "another reason"}, {"nightly": True}], ids=str)
def test_what_cannot_change_a_verdict_is_not_under_the_hash(full, field):
    assert dataclasses.replace(full, **field).sha == full.sha


def test_scales_and_expectations(full):
    assert full.scales == ("tiny", "small")
    assert full.expected("tiny") == "inconclusive" and full.expected("large") is None


def test_who_takes_part_in_holm(make_claim):
    assert make_claim(below(1)).adjusted
    assert not make_claim(exact()).adjusted
    assert not make_claim(below(1), confirmatory=False).adjusted


MALFORMED = {
    "id": ({"id": "some-paper/A claim"}, "cannot be used as a name"),
    "paper of id": ({"id": "other/a-claim"}, "does not begin with its paper"),
    "says": ({"says": ""}, "says= must not be empty"),
    "within": ({"within": "medain"}, "did you mean 'median'"),
    "alpha": ({"alpha": 0.5}, "alpha lies between"),
    "version 0": ({"version": 0}, "whole number from 1"),
    "version 2": ({"version": 2}, "must say in why="),
    "seeds": ({"seeds": 0}, "fewest replicates"),
    "no scale": ({"expect": ()}, "at least one scale"),
    "unknown scale": ({"expect": (("tyny", "open"),)}, "unknown scale 'tyny': did you mean 'tiny'"),
    "unknown expectation": ({"expect": (("tiny", "suported"),)}, "did you mean 'supported'"),
    "no null": ({"no_null": ""}, "give a null, or say in no_null="),
    "no plant": ({"no_plant": ""}, "give a plant, or say in no_plant="),
    "null and excuse": ({"null": "isotropic", "no_null": "but why"}, "no_null= must be empty"),
    "null on no arm": ({"null": null("isotropic", on="dpo")}, "stands in for 'dpo'"),
    "null without arms": ({"null": "isotropic", "arms": ()}, "the body takes none"),
    "swap of no arm": ({"floor": swap(dpo="rlvr_twin")}, "replaces 'dpo'"),
    "swap to no arm": ({"floor": swap(rlvr=1)}, "must name another arm"),
    "floor of a share": ({"bound": fraction(0.5), "floor": swap(rlvr="rlvr_twin")}, "no noise floor"),
    "bound": ({"bound": 1.0}, "made by below"),
}


@pytest.mark.parametrize(("fields", "sentence"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_claim_is_refused(make_claim, fields, sentence):
    with pytest.raises(SpecError, match=sentence):
        make_claim(**{"bound": below(1.0), **fields})


def test_a_spec_of_another_harness_is_refused(full):
    spec = full.spec()
    del spec["within"]
    spec["colour"] = "blue"
    with pytest.raises(SpecError, match=r"missing: within; unknown: colour"):
        Claim.from_spec(spec)
