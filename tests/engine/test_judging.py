import json
from math import log

import harness.claims as hc
import pytest
from harness.engine import judging
from harness.errors import StoreError

PAPER = {"arxiv": "2511.08567", "title": "A paper"}


@pytest.fixture
def declare():
    """declare(id, bound, ...) registers a claim whose body is never called."""
    hc.clear()
    paper = hc.Paper("paper", **PAPER)

    def make(id="claim", bound=None, **given):
        given = {"says": "s", "source": "Sec. 1", "no_null": "test", "no_plant": "test"} | given

        def body(rlvr, sft):
            return None

        return paper.claim(id, bound=bound or hc.below(1.0), **given)(body).__claim__

    yield make
    hc.clear()


def claim_row(claim, scale="tiny", **given):
    row = {"claim_id": claim.id, "scale": scale, "paper": claim.paper, "version": claim.version, "spec_sha": claim.sha}
    row |= {"spec": json.dumps(claim.spec()), "bound": claim.bound.text(), "expected": "open", "status": "measured"}
    return row | given


def measured(claim, values, role="claim", control=None, scale="tiny"):
    """One row per seed; a pair becomes value and value2, None a non-finite value, a sentence an unmatched replicate."""
    rows = []
    for seed, value in enumerate(values):
        first, second = value if isinstance(value, tuple) else (value, None)
        row = {"claim_id": claim.id, "scale": scale, "role": role, "control": control, "seed": seed}
        if isinstance(value, str):
            unmatched = {"status": "unmatched", "matches": json.dumps([{"unmatched": value}])}
            rows.append(row | {"value": None, "value2": None} | unmatched)
        else:
            rows.append(row | {"value": first, "value2": second, "status": "nonfinite" if value is None else "ok"})
    return rows


def test_a_claim_survives_the_store(declare):
    claim = declare(bound=hc.below(1.0, on="log"), null="isotropic", no_null="", floor=hc.swap(rlvr="rlvr_twin"))
    assert judging.claim_of(claim_row(claim)) == claim


def test_evidence_is_matched_by_seed_whatever_the_order(declare):
    claim = declare(null="isotropic", no_null="")
    rows = measured(claim, [1.0, 2.0, 3.0]) + measured(claim, [10.0, 20.0, 30.0], "null", "isotropic")
    found = judging.evidence_from(claim, rows[::-1])
    assert found.values == (1.0, 2.0, 3.0) and found.nulls == {"isotropic": (10.0, 20.0, 30.0)}


def test_what_is_missing_stays_missing(declare):
    claim = declare(null="isotropic", no_null="", plant="scaled_spectrum", no_plant="")
    rows = measured(claim, [1.0, None, 3.0]) + measured(claim, [10.0, 20.0], "null", "isotropic")
    found = judging.evidence_from(claim, rows)
    assert found.values == (1.0, None, 3.0)
    assert found.nulls["isotropic"] == (10.0, 20.0, None) and found.plants["scaled_spectrum"] == (None, None, None)


def test_what_could_not_be_matched_says_so_in_every_role(declare):
    claim = declare(null="isotropic", no_null="", plant="scaled_spectrum", no_plant="", floor=hc.swap(rlvr="rlvr_twin"))
    rows = measured(claim, [1.0, "a", 3.0]) + measured(claim, ["b", "b", 1.0], "null", "isotropic")
    rows += measured(claim, [1.0, 1.0, "c"], "plant", "scaled_spectrum")
    rows += measured(claim, ["d", 1.0, 1.0], "floor", "swap(rlvr=rlvr_twin)")
    found = judging.evidence_from(claim, rows)
    assert found.values == (1.0, hc.NoMatch("a"), 3.0)
    assert found.nulls["isotropic"] == (hc.NoMatch("b"), hc.NoMatch("b"), 1.0)
    assert found.plants["scaled_spectrum"] == (1.0, 1.0, hc.NoMatch("c"))
    assert found.floor == (hc.NoMatch("d"), None, 2.0)


def test_pairs_come_back_as_pairs(declare):
    claim = declare(bound=hc.greater(0.0, on="log"))
    assert judging.evidence_from(claim, measured(claim, [(2.0, 1.0), None])).values == ((2.0, 1.0), None)


def test_two_values_for_one_seed_are_an_error(declare):
    claim = declare(null="isotropic", no_null="")
    rows = measured(claim, [1.0]) + measured(claim, [2.0], "null", "isotropic") * 2
    with pytest.raises(StoreError, match=r"two values for seed 0 \(null isotropic\); a claim is measured once per seed"):
        judging.evidence_from(claim, rows)


@pytest.mark.parametrize(
    ("bound", "values", "twins", "floor"),
    [
        (hc.below(9.0, on="log"), [1.0, 2.0], [2.0, 2.0], (log(2.0), 0.0)),
        (hc.greater(0.0), [(5.0, 2.0), (1.0, 1.0)], [(4.0, 3.0), (1.0, 2.0)], (2.0, 1.0)),
        (hc.above(0.0), [1.0, 2.0], [None, 2.5], (None, 0.5)),
        (hc.above(0.0), [1.0, None], [1.5, 2.5], (0.5, None)),
    ],
    ids=["log", "pair", "twin-nonfinite", "claim-nonfinite"],
)
def test_the_floor_is_a_distance_on_the_judged_scale(declare, bound, values, twins, floor):
    claim = declare(bound=bound, floor=hc.swap(rlvr="rlvr_twin"))
    rows = measured(claim, values) + measured(claim, twins, "floor", "swap(rlvr=rlvr_twin)")
    assert judging.evidence_from(claim, rows).floor == pytest.approx(floor)


def test_families_are_judged_apart(declare):
    """Four equal claims share one family's alpha; the same claim alone in another family has all of it."""
    crowd = [declare(f"c{i}") for i in range(4)]
    alone = declare("alone", family="other")
    rows = [claim_row(claim) for claim in (*crowd, alone)]
    values = [row for claim in (*crowd, alone) for row in measured(claim, [0.5, 0.7, 0.6, 0.8])]
    made = {row["claim_id"]: row for row in judging.verdict_rows(rows, values)}
    assert made["paper/c0"]["family_size"] == 4 and made["paper/alone"]["family_size"] == 1
    assert made["paper/alone"]["p_adj"] == pytest.approx(made["paper/alone"]["p"])
    assert made["paper/c0"]["p_adj"] == pytest.approx(4 * made["paper/alone"]["p"])


def test_scales_are_families_of_their_own(declare):
    claim = declare()
    rows = [claim_row(claim, scale) for scale in ("tiny", "small")]
    values = measured(claim, [0.5, 0.6, 0.7]) + measured(claim, [1.5, 1.6, 1.7], scale="small")
    assert [(r["scale"], r["verdict"], r["family_size"]) for r in judging.verdict_rows(rows, values)] == [
        ("tiny", "supported", 1),
        ("small", "refuted", 1),
    ]


def test_a_broken_or_skipped_claim_gets_no_verdict(declare):
    claim, broken, skipped = declare("a"), declare("b"), declare("c")
    rows = [claim_row(broken, status="error"), claim_row(claim), claim_row(skipped, status="skipped")]
    assert [row["claim_id"] for row in judging.verdict_rows(rows, measured(claim, [0.5, 0.6, 0.7]))] == ["paper/a"]


@pytest.mark.parametrize(
    ("expected", "as_expected"), [("open", None), (None, None), ("supported", True), ("refuted", False)], ids=str
)
def test_expectation(declare, expected, as_expected):
    claim = declare()
    (row,) = judging.verdict_rows([claim_row(claim, expected=expected)], measured(claim, [0.5, 0.6, 0.7]))
    assert row["verdict"] == "supported" and row["as_expected"] is as_expected


def test_an_exact_claim_takes_no_share_of_alpha(declare):
    exact, other = declare("exact", hc.exact()), declare("other")
    values = measured(exact, [1.0, 1.0]) + measured(other, [0.5, 0.6, 0.7])
    made = judging.verdict_rows([claim_row(exact), claim_row(other)], values)
    assert [row["family_size"] for row in made] == [None, 1] and made[0]["verdict"] == "supported"


def test_a_null_that_satisfies_the_bound_is_told(declare):
    claim = declare(null="isotropic", no_null="")
    values = measured(claim, [0.5, 0.6, 0.7]) + measured(claim, [0.6, 0.5, 0.7], "null", "isotropic")
    (row,) = judging.verdict_rows([claim_row(claim)], values)
    assert (row["verdict"], row["reason"], row["null_name"]) == ("inconclusive", "null explains it", "isotropic")


def test_rows_suit_the_table(declare):
    from harness.store.rows import check_row

    claim = declare(null="isotropic", no_null="")
    for values, n in (([], 0), ([0.5], 1), ([None, 1.0, 1.0], 3), (["apart", 1.0, 1.0], 2), ([0.5, 0.6, 0.7], 3)):
        rows = judging.verdict_rows([claim_row(claim)], measured(claim, values))
        json.dumps(rows, allow_nan=False)
        assert check_row("verdicts", {"run_id": "r", **rows[0]})["n"] == n


def test_evidence_mode_waits_for_five(declare):
    """The t confidence sequence has infinite width below n = 5."""
    claim = declare()
    (few,) = judging.verdict_rows([claim_row(claim)], measured(claim, [0.50, 0.51, 0.52, 0.53]), "evidence")
    assert (few["verdict"], few["reason"]) == ("inconclusive", "n too small")
    (many,) = judging.verdict_rows([claim_row(claim)], measured(claim, [0.5 + 0.001 * i for i in range(20)]), "evidence")
    assert (many["verdict"], many["method"]) == ("supported", "sequence")


def test_what_is_decided_on_the_way_stays_decided(declare):
    """Item by item at alpha / m, then Holm over the family: no verdict is taken back."""
    from random import Random

    draw = Random(0)
    kept = settled = 0
    for _ in range(40):
        hc.clear()
        claims = [declare(f"c{i}") for i in range(3)]
        values = {c.id: measured(c, [draw.gauss(draw.choice([0.2, 1.0]), 0.4) for _ in range(4)]) for c in claims}
        final = judging.verdict_rows([claim_row(c) for c in claims], [row for rows in values.values() for row in rows])
        for claim, row in zip(claims, final, strict=True):
            first = judging.provisional(claim_row(claim), values[claim.id], 3)
            if first.verdict != "inconclusive":
                assert first.verdict == row["verdict"]
                kept += 1
            settled += first.verdict == "inconclusive" != row["verdict"]
    assert kept > 10 and settled > 0


def test_sentence_has_the_numbers(declare):
    claim = declare(bound=hc.below(1.0, on="log"))
    row = claim_row(claim, expected="supported")
    text = judging.sentence(row, judging.provisional(row, measured(claim, [0.9, 1.2, 1.1]), 1))
    assert text.startswith("paper/claim [tiny] inconclusive (straddles): estimate 1.0")
    assert "bound < 1 (log), n 3, expected supported" in text


def test_sentence_without_an_estimate_says_so(declare):
    claim = declare()
    row = claim_row(claim)
    assert "(non-finite): no estimate, bound" in judging.sentence(row, judging.provisional(row, measured(claim, [None, 1.0]), 1))


def test_sentence_of_arms_that_could_not_be_matched_says_by_how_much(declare):
    row = claim_row(declare())
    text = judging.sentence(row, judging.provisional(row, measured(declare("b"), [0.5, "0.09 off where 0.05 is allowed.", 0.5]), 1))
    assert text == (
        "paper/claim [tiny] inconclusive (unmatched): no estimate, bound < 1, n 2, expected open."
        " unmatched: 0.09 off where 0.05 is allowed."
    )


def test_tally(declare):
    rows = [claim_row(declare(f"c{i}"), status=status) for i, status in enumerate(["measured", "measured", "skipped", "error"])]
    counts = judging.tally(rows, [{"verdict": "refuted"}, {"verdict": "supported"}])
    assert counts == {"selected": 4, "measured": 2, "skipped": 1, "errored": 1, "supported": 1, "refuted": 1, "inconclusive": 0}


def test_one_replicate_of_a_users_own_checkpoints_is_a_case_and_several_are_not(declare):
    claim = declare(null="isotropic", no_null="", floor=hc.swap(rlvr="rlvr_twin"))

    def judged(values, scale):
        rows = measured(claim, values, scale=scale) + measured(claim, [9.0] * len(values), "null", "isotropic", scale)
        (row,) = judging.verdict_rows([claim_row(claim, scale)], rows)
        return row["verdict"], row["reason"], row["detail"]

    floor = "the noise floor swap(rlvr=rlvr_twin) was not measured"
    seen = "seen once: 0.5 lies inside the bound < 1; the null isotropic gave 9, outside; no noise floor"
    assert judged([0.5], "own") == ("inconclusive", "a case", seen)
    assert judged([0.5], "tiny")[1] == "n too small"
    assert judged([0.5, 0.51, 0.52], "own") == ("inconclusive", "control failed", floor)
