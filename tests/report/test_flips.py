"""What a comparison with the baseline looks like: all numbers in the log, markup as text, one command to go on with."""

import json
from pathlib import Path

import pytest
from harness.report import flips
from harness.store.against_baseline import Comparison, Gone, Pair
from harness.store.compare import SpecChange

RUN = {"run_id": "r2", "argv": "pytest suites/ -m claim", "seeds": 5, "seed_base": 0, "torch": "2.9", "numpy": "2.0"}
WAS = {"claim_id": "paper/claim", "scale": "tiny", "paper": "paper", "version": 1, "verdict": "supported", "reason": "", "detail": ""}
WAS |= {"estimate": 0.25, "ci_low": 0.2, "ci_high": 0.3, "n": 5, "bound": "> 0.05", "run_id": "r1", "family_size": 3, "expected": "supported"}


def pair(was=WAS, run=None, was_run=None, **now):
    now = {**WAS, "verdict": "refuted", "estimate": -0.3, "ci_low": -0.4, "ci_high": None, "run_id": "r2", "detail": "outside", **now}
    return Pair(now, was, {**RUN, **(run or {})}, was_run)


def found(**given):
    lists = dict.fromkeys(("compared", "flips", "refutations", "changed", "broken", "revised", "new", "unmeasured", "removed"), ())
    return Comparison(baseline=Path("results/baseline/verdicts.parquet"), **{name: list(given.get(name, ())) for name in lists})


def flipped(**given):
    one = pair(**given)
    return found(compared=[one], flips=[one])


def test_a_flip_has_both_estimates_the_reason_and_the_command():
    lines = flips.render(flipped(was_run={"torch": "2.8", "numpy": "2.0"}, family_size=1), width=120).splitlines()
    assert lines[0] == "1 flip; 0 of 1 verdicts as in the baseline"
    assert lines[3:] == [
        "FLIP paper/claim [tiny]: supported -> refuted",
        "  bound     > 0.05",
        "  baseline  0.25 [0.2, 0.3], n 5, r1",
        "  now       -0.3 [-0.4, –], n 5, r2",
        "  why       outside",
        "  note      judged among 1 claims, the baseline's among 3: -m \"claim(paper='paper')\" selects all of the paper",
        "  note      differs: torch 2.8 -> 2.9",
        "  again     pytest suites/ -m \"claim(id='claim')\" --claim-scale tiny",
    ]


def test_the_command_repeats_what_its_session_asked_for():
    run = {"argv": "pytest suites/ -m claim --claim-nightly", "seeds": 10, "seed_base": 200}
    assert flips.again(pair(run=run)).endswith("--claim-scale tiny --claim-nightly --claim-seeds 10 --claim-seed-base 200")


def test_a_new_claim_that_is_refuted_says_what_it_was_registered_as():
    text = flips.render(found(refutations=[pair(was=None)]))
    assert "REFUTED paper/claim [tiny]: registered as supported -> refuted" in text and "baseline  " not in text.partition("\n\n")[2]


def test_a_baseline_without_its_sessions_says_so():
    assert flips.notes(pair()) == ["the baseline does not tell which versions it was measured with"]


@pytest.mark.parametrize("width", [40, 120], ids="width={}".format)
def test_text_folds_and_the_command_does_not(width):
    text = flips.render(flipped(detail="a long sentence " * 9), width=width)
    free = [line for line in text.splitlines() if "again" not in line and "pytest" not in line]
    assert max(map(len, free)) <= width and flips.again(pair()) in text


def test_what_fails_nothing_is_told_in_short():
    moved = pair(verdict="supported", estimate=0.28)
    gone = [Gone("paper/a", "tiny", ""), Gone("paper/b", "tiny", ""), Gone("other/c", "small", "needs a GPU")]
    removed = [(f"paper/r{i}", "tiny") for i in range(10)]
    text = flips.render(found(compared=[moved], unmeasured=gone, removed=removed, new=[pair(was=None)], revised=[pair(version=2)]), width=999)
    assert text.splitlines()[3:] == [
        "moved: 1 more on other numbers than the baseline's, with the same verdict; "
        "1 by more than half of the interval's half-width: paper/claim [tiny] 0.25 -> 0.28",
        "new version, so not compared: 1: paper/claim [tiny] 1 -> 2",
        "new, not in the baseline: 1: paper/claim [tiny] refuted",
        "removed since the baseline: 10: " + ", ".join(f"paper/r{i} [tiny]" for i in range(8)) + " and 2 more",
        "not measured here, in the baseline: 3: paper [tiny] 2",
        "of them skipped: other/c [small] (needs a GPU)",
    ]
    assert text.startswith("as expected; 1 of 1")


def test_specs_and_broken_claims_are_named_with_what_to_do():
    text = flips.render(found(changed=[SpecChange("paper/x", 2, "s1", "s2")], broken=[Gone("paper/y", "tiny", "KeyError: 'z'\nat line 3")]), width=999)
    assert "SPEC paper/x: version 2 in both, but spec s1 became s2; raise version= and say why=, or restore it" in text
    assert "BROKEN paper/y [tiny]: KeyError: 'z'\n" in text + "\n" and "line 3" not in text


def test_markdown_is_a_table_a_command_and_text_that_stays_text():
    page = flips.render(flipped(detail="a | b <script>alert(1)</script>", bound="< 1"), "md")
    assert page.startswith("### 1 flip; 0 of 1") and "<script>" not in page
    assert "| paper/claim | tiny | supported | **refuted** | &lt; 1 | 0.25 [0.2, 0.3] | -0.3 [-0.4, –] | 5 | a \\| b &lt;script>" in page
    assert "```sh\npytest suites/ -m \"claim(id='claim')\" --claim-scale tiny\n```" in page


def test_json_holds_all_of_it():
    data = json.loads(flips.render(flipped(was_run={**RUN, "torch": "2.8"}), "json"))
    assert (data["code"], data["flips"][0]["was"]["estimate"], data["flips"][0]["versions"]) == (1, 0.25, {"torch": ["2.8", "2.9"]})
    assert data["flips"][0]["now"]["ci_high"] is None and data["not_measured"] == []
