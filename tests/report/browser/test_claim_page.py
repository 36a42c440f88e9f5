import json
import re
import zlib
from collections import Counter

import pytest
from harness.store.reader import query
from harness.store.writer import Session

PAGE = "#/claim/paper%2F"
DOTS = '.chart[data-chart="claim_seeds"] [aria-roledescription="point"]'


def test_noise_at_a_glance(judged, open_report):
    judged("drifts", "turns", "hides")
    page = open_report(judged.folder, PAGE + "hides/tiny")
    page.wait_for_selector(DOTS)
    assert page.locator(DOTS).count() == 15  # claim, null and plant, five seeds each
    summary = page.locator(".plot").first.get_attribute("aria-label")
    assert "inside the bound, so noise would do as well" in summary and "(< 1)" in summary
    page.evaluate("location.hash = '#/claim/paper%2Fdrifts/tiny'")
    page.wait_for_selector("h1:has-text('drifts')")
    page.wait_for_selector(DOTS)
    assert "outside the bound" in page.locator(".plot").first.get_attribute("aria-label")


def test_what_stands_on_it(judged, open_report):
    run_id = judged("drifts", "turns", "hides")
    text = open_report(judged.folder, PAGE + "hides/tiny").inner_text("main")
    expected = ["RLVR hides", "A paper | with a bar", "arXiv 2511.08567", "Table 1", "null explains it", "5 seeds", run_id]
    expected += ["ab12cd3ef", "What would settle it: more seeds do not, but a bound that its null does not meet would", "isotropic"]
    assert [told for told in expected if told not in text] == []


def test_its_sql_runs_as_written(judged, open_report):
    judged("drifts", "hides")
    page = open_report(judged.folder, PAGE + "hides/tiny")
    statements = page.locator(".sql code").all_inner_texts()
    counts = [query(judged.folder, statement).num_rows for statement in statements]
    assert counts == [1, 15, 1]


def test_its_sql_is_copied_as_a_statement_and_as_a_command(judged, open_report):
    judged("drifts", "hides")
    page = open_report(judged.folder, PAGE + "hides/tiny")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    [statement, command] = ["from latest_verdict where claim_id = 'paper/hides' and scale = 'tiny'", 'harness query "{}"']
    for label, expected in (("Copy the SQL", statement), ("Copy the command", command.format(statement))):
        page.get_by_role("button", name=label).first.click()
        page.locator(".sql").first.get_by_text("copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == expected


def test_paper_is_white_whatever_the_screen_is(judged, open_report):
    """A print from a dark screen has the colours of one from a light screen, and the screen stays dark."""
    judged("drifts", "hides")
    printed = []
    for scheme in ("light", "dark"):
        page = open_report(judged.folder, PAGE + "hides/tiny", scheme=scheme)
        page.wait_for_selector(DOTS)
        streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", page.pdf(print_background=True), re.DOTALL)
        texts = [zlib.decompress(stream) for stream in streams if stream.startswith(b"x\x9c")]
        printed.append(Counter(re.findall(rb"([\d.]+ [\d.]+ [\d.]+) rg", b" ".join(texts))))
        page.locator(f'.plot[data-theme="{scheme}"]').first.wait_for()
    assert printed[0] == printed[1] and len(printed[0]) > 5


def test_figures_and_tables_are_saved(judged, open_report):
    judged("drifts", "hides")
    page = open_report(judged.folder, PAGE + "hides/tiny")
    page.wait_for_selector(DOTS)
    begins = {"SVG": b"<svg", "PNG": b"\x89PNG", "CSV": b"dataset,series,role,seed,value"}
    for label, start in begins.items():
        with page.expect_download() as caught:
            page.get_by_role("button", name=f"Would noise do? as {label}").click()
        assert caught.value.suggested_filename == f"paper-hides-tiny-seeds.{label.lower()}"
        assert caught.value.path().read_bytes().startswith(start)


def test_history_over_runs(judged, open_report):
    judged("drifts", "hides")
    judged("drifts", "hides", minute=5, shift=5.0)
    page = open_report(judged.folder, PAGE + "drifts/tiny")
    page.wait_for_selector('.chart[data-chart="claim_history"] [aria-roledescription="point"]')
    assert page.locator('.chart[data-chart="claim_history"] [aria-roledescription="point"]').count() == 2
    assert "supported once, then refuted once" in page.locator(".plot").nth(1).get_attribute("aria-label")
    rows = page.locator("table", has_text="Sessions that judged it").locator("tbody tr").all_inner_texts()
    assert ["refuted" in rows[0], "supported" in rows[1]] == [True, True]


def test_a_session_has_provenance_and_verdicts(judged, open_report):
    run_id = judged("drifts", "hides")
    page = open_report(judged.folder, PAGE + "hides/tiny")
    page.get_by_role("link", name=run_id).click()
    page.wait_for_selector("h1:has-text('Session of')")
    text = page.inner_text("main")
    assert "ab12cd3ef" in text and "regression" in text
    assert page.locator("tbody tr").count() == 2


@pytest.fixture
def one_claim(tmp_path):
    """one_claim(bound, values) commits a claim with this bound and these values of its five seeds."""

    def commit(bound, values, paired=None):
        from datetime import UTC, datetime

        began = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
        same = {"claim_id": "paper/one", "scale": "tiny"}
        about = same | {"paper": "paper", "version": 1, "spec_sha": "s1"}
        claim = about | {"spec": json.dumps({"bound": bound}), "says": "s", "status": "measured"}
        verdict = about | {"verdict": "refuted", "reason": "", "estimate": values[0], "bound": "a bound"}
        pairs = zip(values, paired or [None] * len(values), strict=True)
        found = [same | {"role": "claim", "seed": i, "value": a, "value2": b, "status": "ok"} for i, (a, b) in enumerate(pairs)]
        run = {"started": began, "finished": began, "mode": "dev", "judged": "regression", "schema_version": 1}
        tables = {"claims": [claim], "measurements": found, "verdicts": [verdict], "runs": [run]}
        Session(tmp_path / "results").open({}).commit(tables)
        return tmp_path / "results"

    return commit


@pytest.mark.parametrize("bound, values, paired, axis", [
    ({"kind": "below", "high": 1.0, "on": "log"}, [0.5, 2.0, 30.0, 0.1, 0.2], None, "The axis is logarithmic."),
    ({"kind": "below", "high": 1e-5, "on": "identity"}, [1e-14, 3e-15, 0.7, 0.1, 1e-3], None, "The axis is logarithmic."),
    ({"kind": "below", "high": 1e-5, "on": "identity"}, [0.0, 3e-15, 0.7, -0.1, 1e-3], None, "logarithmic around zero."),
    ({"kind": "greater", "margin": 0.0, "on": "log"}, [2.0, 3.0, 2.5, 2.2, 2.1], [1.0] * 5, "is where the claim holds"),
    ({"kind": "differs", "margin": 0.5, "on": "identity"}, [2.0, 3.0, 2.5, 2.2, 2.1], [1.0] * 5, "is where the claim holds"),
    ({"kind": "exact", "equals": True, "on": "identity"}, [1.0, 1.0, 1.0, 1.0, 0.0], None, "is where the claim holds"),
    ({"kind": "fraction", "low": 0.9, "on": "identity"}, [1.0, 1.0, 1.0, 1.0, 0.0], None, "is where the claim holds"),
    ({"kind": "equivalent", "low": 0.9, "high": 1.1, "on": "log"}, [1.0, -1.0, 1.0, 1.0, None], None, "2 replicates without"),
], ids=["log", "decades", "around zero", "greater", "differs", "exact", "fraction", "no place"])  # fmt: skip
def test_every_bound_has_its_axis(one_claim, open_report, bound, values, paired, axis):
    page = open_report(one_claim(bound, values, paired), PAGE + "one/tiny")
    page.wait_for_selector(DOTS)
    assert axis in page.locator(".plot").first.get_attribute("aria-label")
    assert page.locator(DOTS).count() == (3 if "2 replicates" in axis else 5)


def test_pairs_are_shown_as_they_are_judged(one_claim, open_report):
    bound = {"kind": "greater", "margin": 0.0, "on": "log"}
    page = open_report(one_claim(bound, [2.718281828] * 5, [1.0] * 5), PAGE + "one/tiny")
    page.wait_for_selector(DOTS)
    page.locator("details.data summary").first.click()
    assert page.locator("details.data tbody tr").first.locator("td").nth(4).inner_text() == "1"
