"""docs/queries.md is what its command prints: every query on the committed rows."""

from pathlib import Path

from harness.report.queries_page import COMMAND, HEAD, page
from harness.store.queries.queries import all_queries

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "queries.md"


def test_the_page_is_what_its_command_prints():
    made = page(ROOT / "results")
    assert made == DOCS.read_text(encoding="utf-8"), f"docs/queries.md is old: {COMMAND}"


def test_every_query_is_on_the_page_with_its_sql():
    text = DOCS.read_text(encoding="utf-8")
    assert text.startswith(HEAD)
    for named in all_queries().values():
        assert f"## {named.question}\n\n`harness query {named.name}" in text and f"```sql\n{named.sql}\n```" in text
