"""Every reason that the judge gives has a clause that says what would settle it; the verdicts are the judge's own."""

from dataclasses import asdict

import harness.claims as hc
import pytest
from harness.claims.verdict import REASONS, NoMatch
from harness.report.settle import settles
from harness.report.terminal import verdict_table

INSIDE, OUTSIDE, ACROSS = (0.5, 0.53, 0.56, 0.59, 0.62), (1.5, 1.53, 1.56, 1.59, 1.62), (0.7, 0.8, 1.3, 1.1, 0.9)
LOST = NoMatch("a and b are 0.09 off.")


def body(rlvr):
    return 1.0


def verdict(values, null=OUTSIDE, plant=(0.1,) * 5, floor=None, case=False, declared_floor=False, seeds=None):
    """The row that judging a claim "below 1" with this evidence gives."""
    hc.clear()
    given = dict(null="isotropic", plant="scaled_spectrum", floor=hc.swap(rlvr="rlvr_twin") if declared_floor else None)
    paper = hc.Paper("paper", arxiv="", title="A paper")
    claim = paper.claim("one", says="x", source="y", bound=hc.below(1.0), seeds=seeds, **given)(body).__claim__
    hc.clear()
    size = len(values)
    controls = dict(nulls={"isotropic": null[:size]}, plants={"scaled_spectrum": plant[:size]} if plant else {})
    judged = asdict(hc.judge(claim, hc.Evidence(values, **controls, floor=floor and floor[:size], case=case)))
    about = {"claim_id": claim.id, "paper": "paper", "scale": "tiny", "bound": "< 1"}
    return judged | about | {"as_expected": None, "spec_sha": "s"}


NEAR = (0.9, 0.95, 0.92, 0.97, 0.93)
NAN = (None, *INSIDE[1:])
CASES = {
    "straddles": (dict(values=ACROSS), "straddles", "about 226 seeds would settle it"),
    "straddles for ever": (dict(values=(0.7, 1.3, 0.8, 1.2, 1.0)), "straddles", "no number of seeds in reach"),
    "too few": (dict(values=INSIDE, seeds=9), "n too small", "seeds would settle it"),
    "one replicate": (dict(values=INSIDE[:1]), "n too small", "2 seeds would let it be judged"),
    "noise floor": (dict(values=INSIDE, floor=(0.9,) * 5, declared_floor=True), "below noise floor", "a larger effect would"),
    "null": (dict(values=INSIDE, null=INSIDE), "null explains it", "a bound that its null does not meet"),
    "near null": (dict(values=NEAR, null=(0.9, 1.1, 0.8, 1.2, 0.95)), "null explains it", "more seeds may"),
    "plant missed": (dict(values=INSIDE, plant=OUTSIDE), "control failed", "has to be mended"),
    "plant undecided": (dict(values=INSIDE, plant=ACROSS), "control failed", "where a control is undecided, more seeds may"),
    "plant not measured": (dict(values=INSIDE, plant=None), "control failed", "measuring the missing control"),
    "null not finite": (dict(values=INSIDE, null=NAN), "control failed", "a control that is finite"),
    "null unmatched": (dict(values=INSIDE, null=(LOST, *INSIDE[1:])), "control failed", "a control whose arms can be matched"),
    "no twin": (dict(values=INSIDE, declared_floor=True), "control failed", "measuring the missing control"),
    "not finite": (dict(values=NAN), "non-finite", "finite values on every seed would (`harness query evidence CLAIM`"),
    "unmatched": (dict(values=(LOST, *INSIDE[1:])), "unmatched", "arms that meet would"),
    "a case": (dict(values=INSIDE[:1], case=True), "a case", "judged from two replicates on"),
}


@pytest.mark.parametrize(("given", "reason", "clause"), CASES.values(), ids=CASES)
def test_what_would_settle_it(given, reason, clause):
    row = verdict(**given)
    assert (row["verdict"], row["reason"]) == ("inconclusive", reason), row["detail"]
    assert clause in settles(row), (row["detail"], settles(row))
    flat = " ".join(verdict_table([row], {}, width=70).split())  # and the table says so, at any width
    assert clause in flat and (row["detail"].rstrip(".") in flat)


def test_no_reason_is_left_without_a_clause():
    assert {reason for _, reason, _ in CASES.values()} == set(REASONS) - {""}


def test_a_decided_claim_needs_nothing():
    assert settles(verdict(values=INSIDE)) == ""
    assert settles(verdict(values=OUTSIDE)) == ""


def test_a_clause_that_several_share_is_told_once():
    rows = [verdict(values=INSIDE, null=INSIDE) | {"claim_id": f"paper/{name}"} for name in ("a", "b")]
    assert verdict_table(rows, {}, width=120).count("what settles") == 1
