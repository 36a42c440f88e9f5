"""Every way in which a store can differ from its baseline, and which exit code it comes to."""

import shutil

import pytest
from harness.errors import StoreError
from harness.store.against_baseline import against_baseline
from harness.store.baseline import write_baseline
from harness.store.compare import SpecChange
from harness.store.writer import Session

FLAT = {"estimate": 0.5, "ci_low": 0.4, "ci_high": 0.6, "n": 5, "expected": "supported"}


@pytest.fixture
def compare(store, rows, tmp_path):
    """compare(**given) after `compare.baseline(verdict rows)` and sessions by `store`; compare.said(claim, verdict) is a row."""

    def baseline(*verdicts, **run):
        session = Session(tmp_path / "before").open({"git_sha": "0ld"})
        session.commit({"verdicts": list(verdicts), "runs": [rows.run_row(-60, **run)]})
        made = write_baseline(tmp_path / "before").parent
        shutil.copytree(made, store.folder / "baseline")
        return session.run_id

    def said(verdict, claim_id="paper/claim", **given):
        return rows.verdict_row(verdict, claim_id, **{**FLAT, **given})

    def run(**given):
        return against_baseline(store.folder, **given)

    run.baseline, run.said = baseline, said
    return run


def names(pairs):
    return [pair.key[0] for pair in pairs]


def test_as_expected(compare, store):
    compare.baseline(compare.said("supported"))
    store(verdicts=[compare.said("supported")])
    found = compare()
    assert (found.code, len(found.compared), found.flips, found.moved) == (0, 1, [], [])


@pytest.mark.parametrize(
    ("was", "now"),
    [("supported", "refuted"), ("supported", "inconclusive"), ("inconclusive", "supported"), ("refuted", "supported")],
    ids=lambda verdict: verdict,
)
def test_every_change_of_a_verdict_is_a_flip(compare, store, was, now):
    compare.baseline(compare.said(was))
    store(verdicts=[compare.said(now)])
    found = compare()
    assert found.code == 1 and names(found.flips) == ["paper/claim"]


def test_known_refutation_is_as_expected(compare, store):
    """The baseline says refuted too: what the claim is registered as is pytest's to say."""
    compare.baseline(compare.said("refuted"))
    store(verdicts=[compare.said("refuted")])
    assert compare().code == 0


@pytest.mark.parametrize(("expected", "code"), [("supported", 1), ("inconclusive", 1), ("refuted", 0), ("open", 0)], ids=str)
def test_a_new_claim_is_refuted_unexpectedly_or_not(compare, store, expected, code):
    compare.baseline(compare.said("supported"))
    store(verdicts=[compare.said("supported"), compare.said("refuted", "paper/new", expected=expected)])
    found = compare()
    assert (found.code, names(found.new), names(found.refutations)) == (code, ["paper/new"], ["paper/new"] * code)


def test_a_spec_that_changed_without_a_version_goes_before_a_flip(compare, store):
    compare.baseline(compare.said("supported"), compare.said("supported", "paper/other"))
    store(verdicts=[compare.said("refuted", spec_sha="s2"), compare.said("refuted", "paper/other")])
    found = compare()
    assert found.code == 3 and found.changed == [SpecChange("paper/claim", 1, "s1", "s2")]
    assert names(found.flips) == ["paper/other"]


def test_a_spec_that_was_refused_before_it_was_measured_is_seen(compare, store, rows):
    compare.baseline(compare.said("supported"))
    store(claims=[rows.claim_row(spec_sha="s2", status="error", status_reason="changed, but is still version 1")])
    found = compare()
    assert (found.code, found.broken, found.unmeasured) == (3, [], [])
    assert found.changed == [SpecChange("paper/claim", 1, "s1", "s2")]


def test_a_spec_that_is_only_declared_is_seen_too(compare):
    compare.baseline(compare.said("supported"))
    assert compare(registered={"paper/claim": (1, "s2")}).code == 3
    assert compare(registered={"paper/claim": (2, "s2")}).code == 5


def test_a_new_version_is_not_compared(compare, store):
    compare.baseline(compare.said("supported"), compare.said("supported", "paper/other"))
    store(verdicts=[compare.said("inconclusive", version=2, spec_sha="s2"), compare.said("supported", "paper/other")])
    found = compare()
    assert (found.code, names(found.revised), len(found.compared)) == (0, ["paper/claim"], 1)


def test_a_claim_that_broke_is_not_as_expected(compare, store, rows):
    """Its last attempt counts, not the verdict that an older session left."""
    compare.baseline(compare.said("supported"))
    store(0, claims=[rows.claim_row()], verdicts=[compare.said("supported")])
    store(1, claims=[rows.claim_row(status="error", status_reason="KeyError: 'x'")])
    found = compare()
    assert found.code == 1 and found.broken == [("paper/claim", "tiny", "KeyError: 'x'")] and found.unmeasured == []
    store(2, claims=[rows.claim_row()], verdicts=[compare.said("supported")])
    assert compare().code == 0


def test_nothing_in_common_is_a_code_of_its_own(compare, store):
    compare.baseline(compare.said("supported"))
    assert compare().code == 5
    store(verdicts=[compare.said("supported", "paper/other")])
    found = compare()
    assert found.code == 5 and names(found.new) == ["paper/other"]
    assert [(gone.claim_id, gone.why) for gone in found.unmeasured] == [("paper/claim", "")]


def test_skipped_and_removed_claims_are_told(compare, store, rows):
    compare.baseline(*(compare.said("supported", f"paper/{name}") for name in ("kept", "skipped", "removed")))
    skipped = rows.claim_row("paper/skipped", status="skipped", status_reason="needs a GPU")
    store(claims=[skipped], verdicts=[compare.said("supported", "paper/kept")])
    found = compare(registered={"paper/kept": (1, "s1"), "paper/skipped": (1, "s1")})
    assert (found.code, found.unmeasured, found.removed) == (0, [("paper/skipped", "tiny", "needs a GPU")], [("paper/removed", "tiny")])


def test_the_last_session_of_each_claim_counts_or_the_one_asked_for(compare, store):
    compare.baseline(compare.said("supported"))
    first = store(0, verdicts=[compare.said("refuted")])
    store(1, verdicts=[compare.said("supported")])
    assert compare().code == 0
    assert compare(run=first).code == 1


def test_evidence_and_own_checkpoints_are_not_compared(compare, store):
    compare.baseline(compare.said("supported"))
    store(0, verdicts=[compare.said("supported"), compare.said("refuted", scale="own")])
    evidence = store(1, run={"judged": "evidence"}, verdicts=[compare.said("refuted")])
    assert compare().code == 0
    with pytest.raises(StoreError, match="is no regression session"):
        compare(run=evidence)


def test_equal_verdicts_on_other_numbers_are_told(compare, store):
    compare.baseline(compare.said("supported"), compare.said("supported", "paper/noise"))
    store(verdicts=[compare.said("supported", estimate=0.45), compare.said("supported", "paper/noise", estimate=0.5 + 1e-9)])
    found = compare()
    assert found.code == 0 and names(found.moved) == ["paper/claim"]
    assert found.moved[0].shift == pytest.approx(0.5)


def test_versions_that_differ_come_from_beside_the_baseline(compare, store):
    compare.baseline(compare.said("supported"), torch="2.8", numpy="2.0", argv="pytest /home/me")
    store(run={"torch": "2.9", "numpy": "2.0"}, verdicts=[compare.said("refuted")])
    (flip,) = compare().flips
    assert flip.versions == {"torch": ("2.8", "2.9")} and flip.was_run["argv"] is None
    (store.folder / "baseline" / "runs.parquet").unlink()
    assert compare().flips[0].versions is None


def test_a_baseline_that_is_missing_or_damaged_is_named(compare, store):
    with pytest.raises(StoreError, match="there is no baseline .*verdicts.parquet; name one"):
        compare()
    compare.baseline(compare.said("supported"))
    path = store.folder / "baseline" / "verdicts.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="verdicts.parquet is truncated"):
        compare()


def test_a_session_that_is_not_there_or_not_one(compare, store):
    compare.baseline(compare.said("supported"))
    store(0), store(1)
    with pytest.raises(StoreError, match="'nosuch' is no run"):
        compare(run="nosuch")
    with pytest.raises(StoreError, match="'2' is the beginning of 2 run ids"):
        compare(run="2")
