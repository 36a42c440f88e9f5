"""The verdict table at the widths that terminals have: no line is wider, whatever is in it."""

import pytest
from harness.report.cells import width_of
from harness.report.terminal import DROPPED, HEADS, remark_lines, verdict_table
from harness.store.schema import COLUMNS

WIDTHS = (20, 40, 60, 80, 100, 120, 200)


def row(claim_id, verdict="supported", **given):
    made = dict.fromkeys(COLUMNS["verdicts"]) | {"claim_id": claim_id, "paper": claim_id.partition("/")[0], "scale": "tiny"}
    made |= {"verdict": verdict, "reason": "", "expected": "open", "spec_sha": "s1", "n": 5}
    made |= {"bound": "in [0.707107, 1.41421] (log)"}
    return made | {"estimate": 0.9, "ci_low": 0.7, "ci_high": 1.1, "null_estimate": 1.25} | given


LONG = "path/off-policy-sft-distorts-spectrum-converged"
UNMATCHED = "unmatched: sft_off and rlvr cannot be matched on gain: the nearest snapshot (step 291) gained 0.143 against 0.280."
MET = "the null isotropic satisfies the bound too: 1.2"
MISSED = "the plant 模型 must be supported but is refuted: 模型模型模型模型模型模型"
ROWS = [
    row("path/drift"),
    row(LONG, "inconclusive", reason="unmatched", detail=UNMATCHED, estimate=None),
    row("path/mask", "inconclusive", reason="null explains it", detail=MET),
    row("path/turn", "refuted", expected="supported", as_expected=False, detail="1.4 lies outside"),
    row("path/broad", "inconclusive", reason="control failed", detail=MISSED),
]
BEFORE = {("path/turn", "tiny"): {"verdict": "inconclusive", "spec_sha": "s0"}}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("ascii", [False, True], ids=["utf", "ascii"])
def test_no_line_is_wider_than_the_terminal(width, ascii):
    lines = verdict_table(ROWS, BEFORE, width=width, ascii=ascii).splitlines()
    assert max(map(width_of, lines)) <= width
    assert not ascii or all(map(str.isascii, lines))


@pytest.mark.parametrize("width", WIDTHS)
def test_every_claim_and_every_verdict_is_there_at_any_width(width):
    flat = "".join(verdict_table(ROWS, BEFORE, width=width).split())
    for each in ROWS:
        assert each["claim_id"].partition("/")[2] in flat
    assert flat.count("INCONCLUSIVE") == 3 and "registeredassupported" in flat and "gained0.143against0.280" in flat


def head(width, rows=ROWS):
    return verdict_table(rows, BEFORE, width=width).splitlines()[1].split()


def test_columns_go_in_order_and_the_reader_is_told():
    shown = [head(width) for width in range(200, 90, -1)]
    seen = list(dict.fromkeys(map(tuple, shown)))
    assert seen[0] == ("path", *HEADS)
    for many, columns in enumerate(seen[: len(DROPPED) + 1]):
        assert columns == ("path", *(name for name in HEADS if name not in DROPPED[:many]))
    assert seen[-1] == ("path",)  # two lines a claim, with all of them again
    narrowed = next(width for width in range(200, 90, -1) if "why" not in head(width))
    told = f"left out at {narrowed} columns: why; {narrowed + 1} columns show all"
    assert told in verdict_table(ROWS, BEFORE, width=narrowed)
    assert "left out" not in verdict_table(ROWS, BEFORE, width=narrowed + 1)


def test_two_lines_a_claim_hold_what_the_wide_table_holds():
    text = verdict_table(ROWS, BEFORE, width=80)
    assert "turn" in text and "was inconclusive ! *" in text
    assert "0.9 [0.7, 1.1]  bound in [0.707107, 1.41421] (log)  null 1.25  n 5" in text
    assert "null explains it" in text and "was: ! the verdict flipped, * the spec changed since" in text


@pytest.mark.parametrize("width", [20, 60])
def test_notes_and_skipped_claims_fit_too(width):
    rows = [
        {"claim_id": "path/" + "x" * 70, "scale": "own", "status": "skipped", "status_reason": "needs 模型 that answer"},
        {"claim_id": "path/a", "scale": "own", "status": "measured", "status_reason": "a sample of 30 among 210 matrices"},
    ]
    lines = [line for text in remark_lines(rows, width) for line in text.splitlines()]
    assert max(map(width_of, lines)) <= width
