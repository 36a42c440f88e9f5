from tests.report.browser.waiting import until_tiles


def tiles(page):
    """Label of every tile, in order."""
    return [tile.get_attribute("aria-label") for tile in page.locator("a.tile").all()]


def focused(page):
    """The focused tile's claim."""
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def test_papers_by_claims(judged, open_report):
    judged("drifts", "turns", "hides")
    judged("drifts", minute=1, paper="other")
    page = open_report(judged.folder)
    assert page.locator('[role="grid"] [role="row"]').count() == 2
    assert [head.inner_text() for head in page.locator(".paper-head a").all()] == ["other", "paper"]
    assert tiles(page) == [
        "drifts, tiny: supported", "turns, tiny: refuted, not as expected", "hides, tiny: null explains it, not as expected",
        "drifts, tiny: supported",
    ]  # fmt: skip
    assert page.locator(".tile.noise").first.inner_text() == "≈"  # a sign each: colour is never alone
    assert [chip.locator("b").inner_text() for chip in page.locator(".chip").all()] == ["2", "1", "1", "0"]


def test_filters(judged, open_report):
    judged("drifts", "turns", "hides")
    judged("drifts", minute=1, paper="other")
    page = open_report(judged.folder)
    page.fill("[data-filter]", "RLVR turn")
    until_tiles(page, 1)
    assert tiles(page)[0].startswith("turns")
    page.fill("[data-filter]", "nothing like it")
    page.get_by_role("button", name="Clear the filters").click()
    until_tiles(page, 4)
    page.get_by_label("Paper", exact=True).select_option("other")
    assert len(tiles(page)) == 1
    page.get_by_label("Paper", exact=True).select_option("")
    page.get_by_label("Expected", exact=True).select_option("yes")
    assert len(tiles(page)) == 2
    page.get_by_label("Expected", exact=True).select_option("")
    page.locator(".chip", has_text="refuted").click()
    assert tiles(page) == ["turns, tiny: refuted, not as expected"]
    page.reload(wait_until="domcontentloaded")  # filters are in the address
    assert tiles(page) == ["turns, tiny: refuted, not as expected"]
    assert page.locator(".chip", has_text="refuted").get_attribute("aria-pressed") == "true"


def test_scale_switch(judged, open_report):
    judged("drifts")
    judged("turns", scale="small", minute=1)
    page = open_report(judged.folder)
    assert tiles(page) == ["drifts, tiny: supported"]
    page.get_by_role("button", name="small").click()
    assert [label.split(":")[0] for label in tiles(page)] == ["turns, small"]
    page.get_by_role("button", name="all scales").click()
    assert len(tiles(page)) == 2


def test_keyboard_alone(judged, open_report):
    judged("drifts", "turns", "hides")
    judged("drifts", minute=1, paper="other")
    page = open_report(judged.folder)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.hasAttribute('data-filter')")
    page.keyboard.press("Escape")
    page.locator('a.tile[tabindex="0"]').focus()
    assert focused(page).startswith("drifts")
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("turns")
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("hides")
    assert "RLVR hides" in page.inner_text(".inspector")
    page.keyboard.press("End")
    assert focused(page).startswith("drifts")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('hides')")
    page.keyboard.press("ArrowLeft")  # the claim before it
    page.wait_for_selector("h1:has-text('drifts')")
    page.go_back()
    page.wait_for_selector("h1:has-text('hides')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".grid")
    assert focused(page).startswith("hides")  # where it was left
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible() and "from claim to claim" in page.inner_text("dialog")
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_skip_link_comes_first(judged, open_report):
    judged("drifts")
    page = open_report(judged.folder)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_what_changed_since_the_last_run(judged, open_report):
    judged("drifts", "turns")
    judged("drifts", "turns", "hides", minute=5, shift=5.0)
    page = open_report(judged.folder)
    panel = page.locator(".panel", has_text="What changed")
    assert panel.locator(".pill").all_inner_texts() == ["1 verdict flipped", "1 new"]
    line = panel.locator(".changes li").first.inner_text()
    assert line.startswith("paper/drifts [tiny]") and line.index("supported") < line.index("refuted")
    assert "changed" in tiles(page)[0]
    panel.get_by_role("combobox").select_option(index=1)
    assert "1 verdict flipped" in panel.inner_text()
    judged("drifts", "turns", "hides", minute=9, shift=5.0)
    assert "Nothing: its 3 verdicts are as before." in open_report(judged.folder).inner_text(".panel")


def test_the_list_and_its_csv(judged, open_report):
    judged("drifts", "turns", "hides")
    page = open_report(judged.folder)
    page.get_by_role("button", name="List").click()
    page.get_by_role("button", name="estimate").click()
    assert page.locator("th[data-key=estimate]").get_attribute("aria-sort") == "ascending"
    with page.expect_download() as caught:
        page.get_by_role("button", name="Claims as CSV").click()
    lines = caught.value.path().read_text(encoding="utf-8").splitlines()
    assert caught.value.suggested_filename == "claims.csv"
    assert lines[0].startswith("claim,says,scale,verdict,estimate") and len(lines) == 4


def test_dark_and_light(judged, open_report):
    judged("drifts")
    page = open_report(judged.folder, scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) != dark
    assert page.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "false"


def test_a_phone_needs_no_scrolling_aside(judged, open_report):
    judged("drifts", "turns", "hides")
    page = open_report(judged.folder, phone=True)
    for route in ("#/", "#/claims/view=list", "#/claim/paper%2Fturns/tiny", "#/runs"):
        page.evaluate(f"location.hash = '{route}'")
        page.wait_for_selector("h1")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, route
    assert page.locator("h1").inner_text() == "Sessions"
