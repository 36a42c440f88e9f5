"""The page docs/queries.md: every named query with its SQL and what it prints on the rows that are committed.

    python -m harness.report.queries_page results docs/queries.md

The committed rows are results/reference (sessions with all their measurements) and results/baseline (verdicts alone). The latter get
a session of their own here, so that queries find them; what needs measurements has those of the reference.
"""

import sys
import tempfile
from datetime import datetime
from pathlib import Path
from shutil import copytree
from textwrap import fill
from typing import Any

from harness.report import tabular
from harness.store.queries.queries import NamedQuery, all_queries
from harness.store.reader import ask, connect, query
from harness.store.schema import SCHEMA_VERSION, metadata, schema
from harness.store.writer import table_path

COMMAND = "python -m harness.report.queries_page results docs/queries.md"
ROWS, WIDTH = 8, 200
EXAMPLES = {"evidence": ["path-not-taken/spectrum-preserved"], "layers": ["--set", "top=3"]}
"""Arguments and settings with which a query is shown."""
HEAD = f"""\
# Questions to the results

Named queries are files of SQL in `harness/store/queries`, each with a comment that says what its rows are and are not.

```sh
harness query                                # what can be asked, a line each
harness query flips                          # one of them
harness query versions torch                 # with its argument
harness query cost --set limit=5             # and its options
harness query flips --format md              # table, csv, json, md
harness query cost --out cost.parquet        # into a file; parquet too
harness query flips --show                   # its SQL
harness query "select claim_id, estimate from latest_verdict where verdict = 'refuted'"
echo "from flips;" | harness sql             # the same at a prompt; without the pipe, an interactive one
harness compact                              # merges past months' sessions into one file a table
```

SQL from outside only reads, and only the store: what writes is refused, and so is every other file. With `--write DIR` any statement
is allowed, on copies of the tables in memory, and files are read and written in DIR alone (an existing folder outside the results).

At the prompt `\\d` lists tables, views and named queries, `\\d NAME` shows columns or SQL, `\\q NAME ARGUMENT` runs a named query; Ctrl-C
cancels a statement, Ctrl-D leaves.

Below is what each query prints on the committed rows (`results/reference`, and the verdicts of `results/baseline`), cut to {ROWS} rows and
{WIDTH} columns. The page is made by `{COMMAND}`.
"""


def page(results: Path) -> str:
    """The page for a checkout's results folder."""
    with tempfile.TemporaryDirectory() as folder:
        store = committed(results, Path(folder) / "results")
        with connect(store) as connection:
            parts = [HEAD, *(_section(connection, named) for named in all_queries().values())]
    return "\n".join(parts)


def committed(results: Path, store: Path) -> Path:
    """A store of the reference's sessions, and one for each run that the baseline has verdicts of and the reference lacks."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    copytree(results / "reference", store)
    verdicts = pq.read_table(results / "baseline" / "verdicts.parquet")
    known = set(query(store, "SELECT run_id FROM runs")["run_id"].to_pylist())
    for run_id in sorted(set(verdicts["run_id"].to_pylist()) - known):
        started = datetime.strptime(run_id[:16] + "+0000", "%Y%m%dT%H%M%SZ%z")
        run = {"run_id": run_id, "started": started, "finished": started, "mode": "baseline", "judged": "regression"}
        run["schema_version"] = SCHEMA_VERSION
        rows = {
            "verdicts": verdicts.filter(pc.equal(verdicts["run_id"], run_id)).replace_schema_metadata(metadata()),
            "runs": pa.Table.from_pylist([run], schema=schema("runs").with_metadata(metadata())),
        }
        for table, content in rows.items():
            path = table_path(store, table, run_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(content, path)
    return store


def _section(connection: Any, named: NamedQuery) -> str:
    words = EXAMPLES.get(named.name, [])
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    bound = named.bind([word for word in words if "=" not in word and word != "--set"], settings)
    names, rows = tabular.rows_of(ask(connection, named.sql, bound))
    lines = tabular.render(names, rows[:ROWS]).splitlines() if rows else [f"no rows: {named.empty}"]
    lines = [line if len(line) <= WIDTH else line[: WIDTH - 1] + "…" for line in lines]
    lines += [f"... {len(rows)} rows"] if len(rows) > ROWS else []
    defaults = {p.name: f", default {p.default}" if p.default else "" for p in named.parameters}
    takes = [f"- `{p.name}` ({p.kind}, {p.type}{defaults[p.name]}): {p.says}" for p in named.parameters]
    parts = [f"## {named.question}", f"`harness query {' '.join([named.name, *words])}`"]
    parts += [fill(named.notes, 128, break_long_words=False), "\n".join(takes), "```text\n" + "\n".join(lines) + "\n```"]
    parts += [f"<details><summary>SQL</summary>\n\n```sql\n{named.sql}\n```\n\n</details>"]
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(page(Path(sys.argv[1])), encoding="utf-8")
