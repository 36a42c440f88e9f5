"""A failure's text has every number that the verdict rests on; its rows come from the judge and the store's columns."""

from dataclasses import asdict

import harness.claims as hc
import pytest
from harness.report.failure import MOST_SEEDS, failure_text
from harness.store.schema import COLUMNS

REAL, NULL, PLANT = (1.51, 1.53, 1.56, 1.59, 1.62), (1.11, 1.12, 1.14, 1.16, 1.18), (0.1, 0.11, 0.12, 0.13, 0.14)


def body(rlvr, sft):
    return 1.0


def rows(values=REAL, null=NULL, plant=PLANT):
    """(row of claims, verdict, rows of measurements) of the claim "below 1"."""
    hc.clear()
    paper = hc.Paper("paper", arxiv="", title="A paper")
    spec = dict(says="RLVR drifts\n less", source="y", bound=hc.below(1.0), null="isotropic", plant="scaled_spectrum")
    claim = paper.claim("drifts", expect={"tiny": "supported"}, **spec)(body).__claim__
    hc.clear()
    evidence = hc.Evidence(values, nulls={"isotropic": null}, plants={"scaled_spectrum": plant})
    about = {"claim_id": claim.id, "scale": "tiny", "says": claim.says, "bound": "< 1", "expected": "supported"}
    measured = [
        dict.fromkeys(COLUMNS["measurements"])
        | {"role": role, "control": control, "seed": 100 + i, "value": value, "status": "nonfinite" if value is None else "ok"}
        | {"run_keys": [f"key{i}a", f"key{i}b"]}
        for role, control, series in (("plant", "scaled_spectrum", plant), ("claim", None, values), ("null", "isotropic", null))
        for i, value in enumerate(series)
    ]
    return about, asdict(hc.judge(claim, evidence)), measured


def test_a_refutation_as_it_is_printed():
    text = failure_text(*rows(), arms=("rlvr", "sft"), command="pytest suites/a.py::test -m claim --claim-seeds 5")
    assert text.splitlines()[:3] == [
        "paper/drifts [tiny] refuted, registered as supported",
        "  says         RLVR drifts less",
        "  estimate     1.562 [1.52, 1.604] at 90 % (t)   bound < 1   n 5",
    ]
    for part in (
        "why          1.56 [1.52, 1.6] lies outside < 1",
        "null         isotropic: 1.142 [1.115, 1.169] refuted",
        "plant        scaled_spectrum: 0.12 [0.1049, 0.1351] supported",
        "sign flips 1",
        "seed  claim  null isotropic  plant scaled_spectrum",
        "100   1.51   1.11            0.1",
        "104   1.62   1.18            0.14",
        "runs of seed 100: rlvr key0a, sft key0b",
        "again: pytest suites/a.py::test -m claim --claim-seeds 5",
    ):
        assert part in text, part


def test_a_value_that_is_missing_shows_its_status_and_never_a_number():
    text = failure_text(*rows(values=(None, *REAL[1:])))
    assert "inconclusive (non-finite), registered as supported" in text
    assert "estimate     none   bound < 1   n 5" in text and "100   nonfinite  1.11" in text
    assert "what settles it: finite values on every seed" in text


def test_pairs_show_both_sides():
    claim, verdict, values = rows()
    text = failure_text(claim, verdict, [row | {"value2": 0.25} for row in values])
    assert "1.51, 0.25" in text


@pytest.mark.parametrize("many", [MOST_SEEDS, MOST_SEEDS + 7])
def test_hundreds_of_seeds_are_cut_and_said_to_be(many):
    claim, verdict, values = rows(values=REAL * 20, null=NULL * 20, plant=PLANT * 20)
    values = [row for row in values if row["seed"] < 100 + many]
    text = failure_text(claim, verdict, values)
    assert ("... and 7 seeds more" in text) == (many > MOST_SEEDS)
    assert f"\n  {100 + MOST_SEEDS - 1}" in text and f"\n  {100 + MOST_SEEDS} " not in text


def test_nothing_measured():
    claim, verdict, _ = rows()
    assert "seed  claim" not in failure_text(claim, verdict, [])
