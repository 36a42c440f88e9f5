"""Rows of table measurements, as a body's calls give them."""

import json
from types import SimpleNamespace

import harness as h
import torch
from harness.claims import registry
from harness.engine import local
from harness.errors import MeasureError, Unmatched
from harness.store.rows import check_row
from pytest import fixture, mark, raises

SAYS = "sft and rlvr cannot be matched on steps: the nearest is 8 steps off."


class Bench:
    """Stands in for a Lab: nothing to train, and an arm under a control is called after it."""

    scale, model_name, dtype, progress = "tiny", "none", "float32", None

    def ensure(self, needs):
        pass

    def arguments(self, claim, seed, control, *, purpose):
        return {"noise": SimpleNamespace(label=control.label() if control else "noise", seed=seed)}

    def run_keys(self, claim, seed):
        return []


@fixture
def measured(monkeypatch):
    """measured(body) gives the rows of one claim with every kind of control, over the seeds 0 and 1."""
    monkeypatch.setattr(registry, "_claims", {})
    monkeypatch.setattr(registry, "_papers", {})

    def measure(body):
        controls = dict(null="isotropic", plant="scaled_spectrum", floor=h.swap(noise="decay"))
        paper = h.Paper("bench", arxiv="", title="Bench")
        claim = paper.claim("one", says="it holds", source="nowhere", bound=h.above(0), **controls)(body).__claim__
        return local.measure(claim, body, Bench(), (0, 1), nodeid="n", handles={}).rows

    return measure


@mark.parametrize("role", ["claim", "null", "plant", "floor"])
def test_arms_that_cannot_be_matched_give_a_row_in_every_role(measured, role):
    lost = dict(claim="noise", null="isotropic", plant="scaled_spectrum", floor="swap(noise=decay)")[role]

    def body(noise):
        if (noise.label, noise.seed) == (lost, 1):
            raise Unmatched(SAYS)
        return 2.0

    rows = measured(body)
    assert [(row["role"], row["seed"]) for row in rows] == [(r, s) for s in (0, 1) for r in ("claim", "null", "plant", "floor")]
    for row in rows:
        apart = (row["role"], row["seed"]) == (role, 1)
        expected = (None, "unmatched", [{"unmatched": SAYS}]) if apart else (2.0, "ok", None)
        assert (row["value"], row["status"], row["matches"] and json.loads(row["matches"])) == expected
        assert check_row("measurements", {"run_id": "r", **row})["status"] == row["status"]


def test_a_match_that_succeeded_before_one_that_failed_is_not_told_as_achieved(measured):
    w = torch.ones(2, 2)

    def body(noise):
        change = h.Change.from_weights({"w": w}, {"w": 2 * w}, label="mine", gain=0.1)
        change.matched(change, on="gain")
        return change.matched(h.Change.from_weights({"w": w}, {"w": 2 * w}, label="other", gain=0.4), on="gain").norm()

    for row in measured(body):
        [told] = json.loads(row["matches"])
        assert told["unmatched"].startswith("mine and other cannot be matched on gain") and "0.300 off" in told["unmatched"]
        assert (row["value"], row["value2"], row["names"], row["values"]) == (None,) * 4


def test_any_other_undefined_measure_stays_an_error(measured):
    def body(noise):
        raise MeasureError("the update of w is zero.")

    with raises(MeasureError, match="the update of w is zero"):
        measured(body)
