import pytest
from harness.report.terminal import remark_lines, verdict_table, why_line
from harness.store.schema import COLUMNS


def row(claim_id, verdict="supported", **given):
    made = dict.fromkeys(COLUMNS["verdicts"]) | {"claim_id": claim_id, "paper": claim_id.partition("/")[0], "scale": "tiny"}
    made |= {"verdict": verdict, "reason": "", "expected": "open", "spec_sha": "s1", "n": 5, "bound": "< 1 (log)"}
    return made | given


STRADDLES = "0.9 [0.7, 1.1] straddles < 1 (log)"
UNEXPECTED = {"expected": "supported", "as_expected": False}
ROWS = [
    row("other/kept", estimate=2.0, ci_low=1.5, ci_high=2.5, bound="> 1"),
    row("path/drift", estimate=0.0031, ci_low=0.0024, ci_high=0.0038, null_estimate=0.0125),
    row("path/turn", "inconclusive", reason="straddles", detail=STRADDLES, estimate=0.9, n_to_settle=9),
    row("path/mask", "refuted", estimate=1.4, ci_low=1.3, ci_high=1.5, detail="1.4 lies outside", **UNEXPECTED),
]
BEFORE = {
    ("path/drift", "tiny"): {"verdict": "supported", "spec_sha": "s1"},
    ("path/turn", "tiny"): {"verdict": "supported", "spec_sha": "s1"},
    ("path/mask", "tiny"): {"verdict": "refuted", "spec_sha": "s0"},
}
WIDE = """\
================================== claims: 2 supported, 1 refuted, 1 inconclusive ==================================
other    scale  n  estimate  interval          bound      null    verdict       was          why
  kept   tiny   5         2  [1.5, 2.5]        > 1        –       SUPPORTED     new
path     scale  n  estimate  interval          bound      null    verdict       was          why
  mask   tiny   5       1.4  [1.3, 1.5]        < 1 (log)  –       REFUTED       = *          expected supported
  turn   tiny   5       0.9  –                 < 1 (log)  –       INCONCLUSIVE  supported !  straddles
  drift  tiny   5    0.0031  [0.0024, 0.0038]  < 1 (log)  0.0125  SUPPORTED     =
 why mask [tiny]: 1.4 lies outside; registered as supported
 why turn [tiny]: 0.9 [0.7, 1.1] straddles < 1 (log); about 9 seeds would settle it
 was: ! the verdict flipped, * the spec changed since"""
NARROW = """\
======= claims: 2 supported, 1 refuted, 1 inconclusive =======
other
  kept  tiny  SUPPORTED     was new
      2 [1.5, 2.5]  bound > 1  null –  n 5
path
  mask   tiny  REFUTED       was = *  expected supported
      1.4 [1.3, 1.5]  bound < 1 (log)  null –  n 5
  turn   tiny  INCONCLUSIVE  was supported !  straddles
      0.9 –  bound < 1 (log)  null –  n 5
  drift  tiny  SUPPORTED     was =
      0.0031 [0.0024, 0.0038] bound < 1 (log) null 0.0125 n 5
 why mask [tiny]: 1.4 lies outside; registered as supported
 why turn [tiny]: 0.9 [0.7, 1.1] straddles < 1 (log); about 9
   seeds would settle it
 was: ! the verdict flipped, * the spec changed since"""


@pytest.mark.parametrize(("width", "shown"), [(116, WIDE), (62, NARROW)], ids=["wide", "narrow"])
def test_the_table_as_printed(width, shown):
    """Two lines a claim have all the columns; see test_terminal_widths.py for what lies between."""
    assert verdict_table(ROWS, BEFORE, width=width) == shown


def test_the_order_of_rows_does_not_matter():
    assert verdict_table(ROWS[::-1], BEFORE, width=116) == WIDE


def test_ascii_only():
    text = verdict_table([*ROWS, row("path/at-least", bound="≥ 1 ± δ")], {}, width=116, ascii=True)
    assert text.isascii() and ">= 1 +- ?" in text


def test_colour_changes_nothing_but_colour():
    text = verdict_table(ROWS, BEFORE, width=116, color=True)
    assert "\x1b[31mREFUTED\x1b[0m" in text
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"):
        text = text.replace(code, "")
    assert text == WIDE


def test_nothing_judged():
    assert verdict_table([], {}, width=40) == " claims: none judged ".center(40, "=")


def test_a_missing_number_is_a_dash_never_zero():
    text = verdict_table([row("path/none", "inconclusive", reason="non-finite", estimate=None)], {}, width=120)
    assert "  none  tiny   5         –  –         < 1 (log)  –     INCONCLUSIVE" in text


def test_arms_that_could_not_be_matched_say_by_how_much():
    apart = row("path/gain", "inconclusive", reason="unmatched", n=3, detail="unmatched: a and b are 0.09 off.")
    text = verdict_table([apart], {}, width=120)
    assert "INCONCLUSIVE  new  unmatched\n why gain [tiny]: unmatched: a and b are 0.09 off" in text


def test_half_an_interval():
    assert "[–, 0.5]" in verdict_table([row("path/open", ci_high=0.5)], {}, width=120)


def test_a_decided_claim_needs_no_why():
    assert why_line(row("path/drift")) == ""


def test_markdown_is_one_table_a_paper():
    text = verdict_table([*ROWS, row("path/abs", bound="|a - b| > 0")], BEFORE, markdown=True)
    assert text.startswith("**claims: 3 supported, 1 refuted, 1 inconclusive**\n\n| other | scale | n |")
    assert "| mask | tiny | 5 | 1.4 | [1.3, 1.5] | < 1 (log) | – | REFUTED | = * | expected supported |" in text
    assert r"| \|a - b\| > 0 |" in text
    assert "- why turn [tiny]: 0.9 [0.7, 1.1] straddles < 1 (log); about 9 seeds would settle it" in text


def test_notes_come_once_and_skipped_claims_by_what_they_lack():
    def claim(id, status, reason):
        return {"claim_id": f"path/{id}", "scale": "own", "status": status, "status_reason": reason}

    rows = [
        claim("a", "measured", "a sample\nno floor"),
        claim("b", "measured", "no floor"),
        claim("c", "measured", ""),
        claim("d", "skipped", "needs models"),
        claim("e", "error", "broke"),
        claim("f", "skipped", "needs models"),
    ]
    assert remark_lines(rows) == [" note [own]: a sample", " note [own]: no floor", " skipped [own], needs models: path/d, path/f"]
    assert [max(map(len, line.splitlines())) <= 30 for line in remark_lines(rows, 30)] == [True] * 3
