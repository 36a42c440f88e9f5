"""Waiting for what a page shows; from outside, since the page's own policy refuses any expression that is put into it."""


def until_tiles(page, count: int) -> None:
    """Wait until the first screen has so many tiles."""
    from playwright.sync_api import expect

    expect(page.locator("a.tile")).to_have_count(count, timeout=60_000)
