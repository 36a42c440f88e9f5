"""Pages in a real Chromium. Whatever a page asks for beyond its own file, and whatever it complains about, fails the test."""

import shutil
from pathlib import Path

import pytest
from harness.report.html import shell

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def chromium():
    """One headless browser for all tests; skips, saying why, where there is none."""
    pytest.importorskip("altair", reason="altair is not installed: pip install 'spectral-claims[report]'")
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed: pip install 'spectral-claims[report]'")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if binary is None:
        pytest.skip("no chromium on PATH: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_report(chromium, tmp_path):
    """open_report(results, route, phone=, scheme=) renders a store and opens its page; a Path to an .html opens it as it is."""
    contexts, troubles = [], []

    def show(source: Path, route: str = "", *, phone: bool = False, scheme: str = "light"):
        path = source
        if source.suffix != ".html":
            path = tmp_path / "report.html"
            path.write_text(shell.render(source), encoding="utf-8")
        size = {"viewport": PHONE, "is_mobile": True, "has_touch": True} if phone else {"viewport": DESKTOP}
        context = chromium.new_context(color_scheme=scheme, accept_downloads=True, **size)
        contexts.append(context)

        def refuse(request):
            url = request.request.url
            if url.startswith(("data:", "blob:")) or url.partition("#")[0] == path.as_uri():
                request.continue_()
            else:
                troubles.append(f"asked for {url}")
                request.abort()

        context.route("**/*", refuse)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(path.as_uri() + route, wait_until="domcontentloaded")
        return page

    yield show
    for context in contexts:
        context.close()
    assert troubles == []
