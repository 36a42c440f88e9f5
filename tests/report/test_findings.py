import pytest
from harness.errors import StoreError
from harness.report.findings import HEADS, findings


def table(text):
    """The page's table as a list of rows of cells."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_columns_are_those_that_were_asked_for(judged):
    judged("drifts")
    assert table(findings(judged.folder, "paper"))[0] == list(HEADS)


def test_one_claim_at_one_scale(judged):
    """Every figure of the row is in the store: 0.56 is the mean of the five values, 1.14 that of the null's."""
    judged("drifts")
    [row] = table(findings(judged.folder, "paper"))[2:]
    claim, published, null, tiny, small, verdict, why = row
    assert claim == "**drifts** RLVR drifts. Bound: < 1" and published == "Sec. 4 (H08): 1e-5"
    assert null.startswith("isotropic 1.14 [") and tiny.startswith("0.56 [") and tiny.endswith("n 5")
    assert (small, verdict) == ("–", "supported")
    assert why.startswith("not its null: isotropic (1.14 [") and why.endswith("does not satisfy the bound")


def test_a_refuted_claim_whose_null_is_the_same_is_what_the_null_shows(judged):
    judged("turns")
    [row] = table(findings(judged.folder, "paper"))[2:]
    assert row[5] == "refuted" and row[6].startswith("what its null shows too: isotropic (1.56")


def test_a_refuted_claim_whose_null_lies_apart_is_not(judged):
    judged("turns", shift=3.0)
    [row] = table(findings(judged.folder, "paper"))[2:]
    assert row[5] == "refuted" and row[6].startswith("not what its null shows either: isotropic")


def test_an_inconclusive_claim_carries_its_reason(judged):
    judged("hides")
    text = findings(judged.folder, "paper")
    [row] = table(text)[2:]
    assert row[5] == "inconclusive" and "the null isotropic satisfies the bound too" in row[6]
    assert "- At tiny inconclusive (null explains it): a number is 0.56 [" in text


def test_arms_that_could_not_be_matched_say_by_how_much(judged):
    judged("drifts", apart="a and b are 0.09 off.")
    text = findings(judged.folder, "paper")
    [row] = table(text)[2:]
    assert row[3:] == ["–, n 4", "–", "inconclusive", "unmatched: a and b are 0.09 off"]
    assert "- At tiny inconclusive (unmatched): a number is –, n 4, where < 1 was asked. What explains it: unmatched: a" in text
    assert "0.09 off. The plant" in text


def test_rows_are_sorted_by_hypothesis_then_name(judged):
    judged("hides", "drifts", "turns")
    assert [row[0].split("**")[1] for row in table(findings(judged.folder, "paper"))[2:]] == ["turns", "drifts", "hides"]


def test_the_reference_store_gives_the_small_scale(judged):
    judged("drifts")
    judged("drifts", scale="small", folder=judged.folder / "reference", shift=1.0)
    text = findings(judged.folder, "paper")
    [row] = table(text)[2:]
    assert row[3].startswith("0.56 [") and row[4].startswith("1.56 [")
    assert row[5] == "tiny: supported; small: refuted"
    assert "- tiny: 1 supported, 0 refuted, 0 inconclusive\n- small: 0 supported, 1 refuted, 0 inconclusive" in text


@pytest.mark.parametrize(("minute", "stands"), [(-1, "0.56"), (1, "1.56")], ids=["older", "newer"])
def test_of_two_stores_the_later_measurement_stands(judged, minute, stands):
    judged("drifts")
    judged("drifts", folder=judged.folder / "reference", minute=minute, shift=1.0)
    [row] = table(findings(judged.folder, "paper"))[2:]
    assert row[3].startswith(f"{stands} [")


def test_the_same_rows_give_the_same_bytes(judged):
    judged("drifts", "turns")
    judged("hides", minute=1)
    assert findings(judged.folder, "paper") == findings(judged.folder, "paper")


def test_what_was_skipped_is_named_with_its_reason(judged):
    judged("drifts", skip=("turns",))
    text = findings(judged.folder, "paper")
    assert "## Not judged\n\n- `turns` at tiny: skipped, needs a GPU" in text and len(table(text)) == 3


def test_a_claim_that_was_skipped_once_and_judged_before_is_not_listed(judged):
    judged("drifts")
    judged("turns", skip=("drifts",), minute=1)
    assert "Not judged" not in findings(judged.folder, "paper")


def test_the_sessions_behind_it_are_named(judged):
    run_id = judged("drifts", "turns")
    assert f"- `{run_id}`: 2 verdicts, commit ab12cd3ef, 5 seeds from 0" in findings(judged.folder, "paper")


def test_other_papers_stay_out(judged):
    judged("drifts")
    judged("turns", paper="other", minute=1)
    assert "RLVR turns" not in findings(judged.folder, "paper")


@pytest.mark.parametrize(("paper", "known"), [("papers", "paper"), ("", "paper")], ids=["near", "empty"])
def test_an_unknown_paper_is_one_sentence(judged, paper, known):
    judged("drifts")
    with pytest.raises(StoreError, match=f"no claim of the paper '{paper}' is judged .* papers that are: {known}"):
        findings(judged.folder, paper)


def test_an_empty_store_says_that_nothing_is_judged(tmp_path):
    with pytest.raises(StoreError, match="papers that are: none"):
        findings(tmp_path, "paper")
