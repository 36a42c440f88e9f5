"""axe-core's audit of every kind of page: names, roles, landmarks, order of headings, contrast, in both colour schemes."""

from urllib.parse import quote

import pytest
from harness.report.html import shell
from tests.report.profile_store import commit, rows_of

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

RLVR, SFT = "rlvr seed 0 [tiny]", "sft seed 0 [tiny]"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}
PAGES = {
    "claims": "#/",
    "list": "#/claims/view=list",
    "claim": "#/claim/paper%2Fhides/tiny",
    "sessions": "#/runs",
    "session": "#/runs/{run}",
    "profiles": "#/profiles",
    "profile": f"#/profile/{quote(RLVR)}",
    "compare": f"#/compare/{quote(RLVR)}/{quote(SFT)}",
    "no such page": "#/nowhere",
}
CHARTS = {"claim": 1, "profile": 11, "compare": 22}


@pytest.fixture
def report(judged, tmp_path):
    """The report of a store with verdicts of every kind and two profiles, and a session's id."""
    run = judged("drifts", "turns", "hides")
    commit(judged.folder, rows_of(RLVR) + rows_of(SFT, arm="sft", factor=2.0))
    path = tmp_path / "audited.html"
    path.write_text(shell.render(judged.folder), encoding="utf-8")
    return path, run


@pytest.mark.parametrize("scheme, phone", [("light", False), ("dark", False), ("light", True)], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_no_rule_is_violated(report, open_report, name, scheme, phone):
    path, run = report
    page = open_report(path, PAGES[name].format(run=run), phone=phone, scheme=scheme)
    page.wait_for_selector("h1")
    if name in CHARTS:
        page.locator(".plot[data-drawn]").nth(CHARTS[name] - 1).wait_for(timeout=60_000)
    found = axe.Axe().run(page, options=RULES).response["violations"]
    assert not page.locator(".plot > div:not([aria-hidden])").count()
    told = [f"{rule['id']}: {rule['help']}: {node['html'][:150]}" for rule in found for node in rule["nodes"][:3]]
    assert told == []
