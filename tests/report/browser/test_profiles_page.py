"""The profile pages in a real browser: they load in silence, the slider moves the charts, two runs stand side by side."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.report.profile_store import commit, rows_of

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

RLVR, SFT, ONE = "rlvr seed 0 [tiny]", "sft seed 0 [tiny]", "pair <b>A</b> of B/C"
CHARTS = 11
WAIT_MS = 60_000  # two cores are shared


@pytest.fixture(scope="module")
def report(tmp_path_factory, chromium) -> str:
    """The address of a report of two runs, and of a pair of checkpoints that lacks some rows."""
    from harness.report.html.shell import render

    folder = tmp_path_factory.mktemp("profiles")
    pair = [row for row in rows_of(ONE, arm="", steps=(7,)) if row["kind"] != "bf16_map"]
    for row in pair:
        if (row["matrix"], row["kind"]) == ("layers.0.mlp.up_proj", "mask_overlap"):
            row |= {"y": None, "reference": None, "status": "undefined", "detail": "no entry changes in bf16"}
    commit(folder / "results", rows_of(RLVR) + rows_of(SFT, arm="sft", factor=2.0) + pair)
    (folder / "report.html").write_text(render(folder / "results"), encoding="utf-8")
    return (folder / "report.html").as_uri()


@pytest.fixture
def opened(report, chromium):
    """opened(name, *args, width=) gives the page when all its charts are drawn; at the end it must have been silent."""
    said, contexts = [], []

    def of(*route: str, width: int = 1440, charts: int = CHARTS):
        context = chromium.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith((report, "data:", "blob:")) else said.append(asked.url))
        page.goto(report + "#/" + "/".join(quote(part, safe="") for part in route))
        settle(page, charts)
        return page

    yield of
    for context in contexts:
        context.close()
    assert said == []


def settle(page, charts: int) -> None:
    """Wait until every chart is drawn or says why not."""
    playwright.expect(page.locator(".plot[data-drawn], .missing:visible")).to_have_count(charts, timeout=WAIT_MS)


def moved(page, action) -> None:
    """Do it, and wait until all charts have followed."""
    page.evaluate("performance.clearMeasures()")
    action()
    for _ in range(WAIT_MS // 20):
        if page.evaluate("performance.getEntriesByName('profile-refresh').length"):
            return
        page.wait_for_timeout(20)
    raise AssertionError("no refresh ended")


def chart(page, kind: str):
    return page.locator(f"figure[data-chart=profile_{kind}]").first


def drawing(page, kind: str) -> str:
    """What a chart looks like: its SVG's marks, or its canvas' pixels."""
    look = "f => f.querySelector('canvas')?.toDataURL() ?? f.querySelector('svg .mark-group').outerHTML"
    return chart(page, kind).evaluate(look)


def drawn_times(page) -> list[str]:
    """How often each chart was drawn anew rather than filled anew."""
    return page.locator(".plot").evaluate_all("plots => plots.map((plot) => plot.dataset.drawn)")


def scale(page, kind: str) -> list[str]:
    """The numbers at the axes."""
    return chart(page, kind).locator("svg .role-axis-label text").all_text_contents()


def test_the_slider_moves_the_charts_by_key_and_leaves_their_scales(opened):
    page = opened("profile", RLVR)
    slider = page.get_by_role("slider", name="training step")
    assert slider.get_attribute("aria-valuetext") == "step 100 of 100, checkpoint 3 of 3"
    kinds = ("bf16", "layers", "steps")
    drawn, axes = {kind: drawing(page, kind) for kind in kinds}, {kind: scale(page, kind) for kind in ("layers", "steps")}
    times = drawn_times(page)
    moved(page, lambda: slider.press("ArrowLeft"))
    assert slider.get_attribute("aria-valuetext") == "step 10 of 100, checkpoint 2 of 3"
    assert page.locator("h2.where").inner_text() == "layers.0.mlp.up_proj at step 10"
    assert all(drawing(page, kind) != drawn[kind] for kind in kinds)
    assert {kind: scale(page, kind) for kind in ("layers", "steps")} == axes
    assert drawn_times(page) == times
    assert page.url.endswith(f"/{RLVR}/layers.0.mlp.up_proj/10".replace(" ", "%20").replace("[", "%5B").replace("]", "%5D"))


def test_the_sentence_above_a_chart_is_computed(opened):
    page = opened("profile", RLVR)
    sentence = chart(page, "drift").locator(".summary").inner_text()
    assert "−0.8 % at index 8, is 8 times what noise of this norm gives there" in sentence
    boxes = [chart(page, "drift").locator(part).bounding_box() for part in (".summary", ".plot")]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]
    assert chart(page, "drift").locator(".plot").get_attribute("aria-label") == sentence
    assert "2 times noise's" in chart(page, "angles").locator(".summary").inner_text()
    assert "(noise 25 %, chance 30 %)" in chart(page, "overlap").locator(".summary").inner_text()


def test_the_grid_of_matrices_works_by_keyboard(opened):
    page = opened("profile", RLVR)
    page.locator("button.cell[tabindex='0']").focus()
    for key in ("ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.dataset.matrix")
    assert focused == "layers.1.self_attn.q_proj"
    moved(page, lambda: page.keyboard.press("Enter"))
    assert page.get_by_label("Matrix", exact=True).input_value() == focused
    assert page.locator("td[aria-selected=true] button").get_attribute("data-matrix") == focused
    moved(page, lambda: page.get_by_label("Matrix", exact=True).select_option("layers.0.self_attn.q_proj"))
    assert page.locator("h2.where").inner_text() == "layers.0.self_attn.q_proj at step 100"


def test_play_walks_from_the_first_step_to_the_last(opened):
    page = opened("profile", RLVR)
    page.get_by_role("button", name="Play").click()
    playwright.expect(page.locator("output.step-words")).to_have_text("step 10 of 100, checkpoint 2 of 3")
    playwright.expect(page.locator("output.step-words")).to_have_text("step 100 of 100, checkpoint 3 of 3")
    playwright.expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_what_is_missing_is_said_and_not_drawn(opened):
    page = opened("profile", ONE)
    assert page.locator("h1").inner_text() == ONE  # as text
    told = " ".join(page.locator(".missing:visible").all_text_contents())
    assert "No bf16 map of layers.0.mlp.up_proj at step 7: none was stored." in told
    assert "No mask overlap of layers.0.mlp.up_proj at step 7: no entry changes in bf16." in told
    assert "one checkpoint, step 7: nothing evolves" in told
    assert "This run has one checkpoint, step 7: no slider." in page.locator(".profile-bar").inner_text()
    assert page.get_by_role("slider").count() == 0
    assert page.locator("figure[data-chart=profile_bf16]").count() == 0
    moved(page, lambda: page.get_by_label("Matrix", exact=True).select_option("layers.1.mlp.up_proj"))
    assert "mask overlap" not in " ".join(page.locator(".missing:visible").all_text_contents())
    assert chart(page, "overlap").is_visible()


def test_two_runs_side_by_side_share_their_scales(opened):
    page = opened("compare", RLVR, SFT, charts=2 * CHARTS)
    drifts = page.locator("figure[data-chart=profile_drift]")
    labels = [drifts.nth(i).locator("svg .role-axis-label text").all_text_contents() for i in (0, 1)]
    assert labels[0] == labels[1] and "−1.5%" in labels[0]  # twice the drift in the second
    row = page.locator(".profile-numbers table").first.locator("tr", has_text="largest drift / noise there")
    assert row.locator("td").all_text_contents() == ["largest drift / noise there", "8", "16", "8"]
    slider = page.get_by_role("slider")
    moved(page, lambda: slider.press("Home"))
    assert slider.get_attribute("aria-valuetext") == "1 % of training: step 1, step 1"
    with page.expect_download() as saved:
        page.locator(".profile-numbers").get_by_role("button", name="CSV").first.click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert text.splitlines()[0] == "number,value_1,value_2,difference_2"


def test_two_checkpoints_of_a_run_side_by_side(opened):
    page = opened("profile", RLVR, "layers.1.mlp.up_proj", "10")
    page.get_by_role("link", name="Compare step 10 with step 100").click()
    settle(page, 2 * CHARTS)
    assert page.locator("h1").inner_text() == f"{RLVR}, step 10 beside {RLVR}, step 100"
    row = page.locator(".profile-numbers table").first.locator("tr", has_text="share changed in bf16")
    assert row.locator("td").all_text_contents() == ["share changed in bf16", "0.03", "0.3", "0.27"]


def test_runs_are_chosen_from_the_list(opened):
    page = opened("profiles", charts=0)
    compare = page.get_by_role("button", name="Compare", exact=True)
    assert compare.is_disabled()
    for name in (RLVR, SFT):
        page.get_by_label(f"compare {name}").check()
    page.get_by_role("button", name="run", exact=True).click()  # sorting keeps what is chosen
    assert page.get_by_label(f"compare {SFT}").is_checked()
    compare.click()
    settle(page, 2 * CHARTS)
    assert page.locator("figure").count() == 2 * CHARTS


@pytest.mark.parametrize("route", [("profile", RLVR), ("compare", RLVR, SFT), ("profiles",)], ids=lambda route: route[0])
def test_a_phone_needs_no_sideways_scroll(opened, route):
    page = opened(*route, width=390, charts={"profile": CHARTS, "compare": 2 * CHARTS, "profiles": 0}[route[0]])
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    widths = page.locator(".plot svg, .plot canvas").evaluate_all("all => all.map((one) => one.getBoundingClientRect().width)")
    assert all(200 < width <= 390 for width in widths)


def test_in_print_the_step_is_named_and_the_slider_is_gone(opened):
    page = opened("profile", RLVR)
    page.emulate_media(media="print")
    assert not page.locator(".profile-bar").is_visible() and not page.locator(".matrix-grid").is_visible()
    assert page.locator("h2.where").is_visible()


def test_a_run_that_is_not_there_is_said(opened):
    page = opened("compare", RLVR, "nobody", charts=0)
    assert "There are no curves of nobody in this report." in page.locator("main").inner_text()
    assert "A comparison needs two runs" in opened("compare", RLVR, charts=0).locator("main").inner_text()
