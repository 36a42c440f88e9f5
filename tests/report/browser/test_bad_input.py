import json
import time
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness.store.schema import columns
from harness.store.writer import Session
from tests.report.browser.waiting import until_tiles

NASTY = "</script><img src=x onerror=\"window.hurt=1\"><b>bold</b> {{ 7*7 }} ' \" & \u2028 `x` ${1}"


def test_an_empty_store_says_what_to_run(tmp_path, open_report):
    (tmp_path / "results").mkdir()
    page = open_report(tmp_path / "results")
    assert page.inner_text("h1") == "No verdict yet"
    assert "make claims" in page.inner_text("main")
    page.get_by_role("link", name="Sessions").click()
    page.wait_for_selector("h1:has-text('Sessions')")
    page.evaluate("location.hash = '#/claim/none%2Fsuch/tiny'")
    page.wait_for_selector("h1:has-text('Not in this report')")
    page.evaluate("location.hash = '#/%E0%A4%A/such'")
    page.wait_for_selector("text=There is no page")


def test_a_store_of_an_older_schema(judged, open_report):
    judged("drifts", "turns")
    for path in judged.folder.glob("*/*/*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.select([name for name, column in columns(path.parts[-3]).items() if not column.nullable]), path)
    page = open_report(judged.folder)
    assert page.locator("a.tile").count() == 2
    page.locator("a.tile").first.click()
    page.wait_for_selector("h1:has-text('turns')")
    assert "This claim's sentence is not stored." in page.inner_text("main")
    assert "refuted" in page.inner_text(".outcome")
    page.evaluate("location.hash = '#/runs'")
    page.wait_for_selector("h1:has-text('Sessions')")


def test_results_of_another_machine(judged, tmp_path, open_report):
    """A second machine's files copied in: its sessions stand in line by time, each with its machine."""
    judged("drifts", "turns")
    other = judged("drifts", "turns", minute=5, shift=5.0, folder=tmp_path / "other")
    for path in (tmp_path / "other").glob("*/*/*.parquet"):
        if path.parts[-3] == "runs":
            runs = [row | {"cpu": "Another CPU", "gpu": "H200"} for row in pq.read_table(path).to_pylist()]
            pq.write_table(pa.Table.from_pylist(runs, schema=pq.read_schema(path)), path)
        target = judged.folder / path.relative_to(tmp_path / "other")
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    page = open_report(judged.folder)
    assert "1 verdict flipped" in page.inner_text(".panel")
    page.evaluate("location.hash = '#/runs'")
    page.wait_for_selector("h1:has-text('Sessions')")
    assert "2 sessions on 2 kinds of machine" in page.inner_text("main")
    page.locator("tbody a").first.click()
    page.wait_for_selector("h1:has-text('Session of')")
    assert other in page.inner_text("main") and "H200" in page.inner_text("main")


def test_a_claim_removed_since(judged, open_report):
    judged("drifts", "turns", "hides")
    judged("drifts", "turns", minute=5)
    page = open_report(judged.folder)
    assert "1 no longer measured" in page.inner_text(".panel")
    assert page.locator("a.tile.gone").get_attribute("aria-label").startswith("hides")
    page.locator("a.tile.gone").click()
    page.wait_for_selector(".warning")
    assert page.inner_text(".warning").startswith("Not measured since 2026-11-21 23:30: the session of 2026-11-21 23:35")


def test_markup_is_text(tmp_path, open_report):
    """Every text of the store that a page shows, as somebody would write it who means harm."""
    began = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    spec = {"bound": {"kind": "below", "high": 1.0, "on": "identity"}, "paper_title": NASTY, "arxiv": NASTY, "why": NASTY}
    paper, claim_id = f"paper{NASTY}", f"paper{NASTY}/claim{NASTY}"
    for minute, verdict in enumerate(("supported", "inconclusive")):
        same = {"claim_id": claim_id, "scale": "tiny"}
        about = same | {"paper": paper, "version": 1, "spec_sha": NASTY}
        claim = about | {"spec": json.dumps(spec), "says": NASTY, "source": NASTY, "nodeid": NASTY, "status": "measured"}
        judged = about | {"verdict": verdict, "reason": NASTY, "detail": NASTY, "bound": NASTY, "expected": NASTY}
        judged |= {"estimate": 0.5, "null_name": NASTY, "null_estimate": 0.4, "plant_name": NASTY, "plant_estimate": 0.1}
        judged |= {"family": NASTY}
        values = [
            same | {"role": role, "seed": seed, "value": 0.5 + seed, "status": "ok"}
            | {"control": NASTY, "metric": NASTY, "run_keys": [NASTY]}
            for role in ("claim", "null", "plant")
            for seed in range(2)
        ]
        run = {"started": began + timedelta(minutes=minute), "finished": began, "mode": NASTY, "judged": "regression"}
        run |= {"schema_version": 1, "argv": NASTY, "cpu": NASTY, "git_sha": NASTY}
        session = Session(tmp_path / "results").open({})
        session.commit({"claims": [claim], "measurements": values, "verdicts": [judged], "runs": [run]})
    page = open_report(tmp_path / "results")
    page.locator("a.tile").hover()
    assert NASTY in page.locator(".inspector").text_content()
    page.locator("a.tile").click()
    page.wait_for_selector('.chart[data-chart="claim_seeds"] [aria-roledescription="point"]')
    assert page.locator(".says").text_content() == NASTY
    for summary in page.locator("summary").all():
        summary.click()
    page.evaluate("location.hash = '#/claims/view=list'")
    page.wait_for_selector("table")
    page.evaluate(f"location.hash = SC.link('runs', {session.run_id!r})")
    page.wait_for_selector("h1:has-text('Session of')")
    assert NASTY in page.locator("main").text_content()
    assert page.evaluate("[typeof window.hurt, document.querySelectorAll('img').length]") == ["undefined", 0]


@pytest.fixture(scope="module")
def write_large():
    found = spec_from_file_location("large_store", Path(__file__).with_name("large_store.py"))
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module.write_large


def first_screen(page):
    """Milliseconds from opening the file to the first screen."""
    return page.evaluate("performance.getEntriesByName('first-screen')[0].startTime")


def test_ten_thousand_verdicts_open_in_a_second(tmp_path, write_large, open_report):
    results = write_large(tmp_path / "results", 10_000)
    page = open_report(results)
    took = [first_screen(page)]
    for _ in range(8):  # the best of some: other work on the machine is not the page's
        if min(took) < 1000:
            break
        page.reload(wait_until="domcontentloaded")
        took.append(first_screen(page))
    assert min(took) < 1000
    assert page.locator(".chip b").first.inner_text() == "5,000"


def test_a_hundred_thousand_verdicts(tmp_path, write_large, open_report):
    page = open_report(write_large(tmp_path / "results", 100_000, seeds=1))
    assert page.locator(".found").inner_text() == "100,000 verdicts"
    assert "More than 20,000 verdicts: specs and run keys stayed in the store" in page.inner_text("main")
    assert page.locator("a.tile").count() < 5000  # what is near the screen
    began = time.monotonic()
    page.fill("[data-filter]", "claim-099999")
    until_tiles(page, 1)
    page.locator("a.tile").click()
    page.wait_for_selector('.chart[data-chart="claim_seeds"] [aria-roledescription="point"]', timeout=60_000)
    assert "select spec from claims" in page.inner_text("main")
    assert time.monotonic() - began < 60
