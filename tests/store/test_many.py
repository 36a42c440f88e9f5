"""Large stores: 100,000 verdicts, and many sessions merged into one file a table."""

import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from harness.store.compact import compact
from harness.store.queries.queries import all_queries
from harness.store.reader import ask, connect, query
from harness.store.schema import metadata, schema
from harness.store.writer import Session, table_path

CLAIMS, SESSIONS = 1000, 100
BEGAN = datetime(2026, 9, 1, tzinfo=UTC)


def a_large_session(folder, rows):
    """One session with rows for CLAIMS claims; gives its tables."""
    names = [f"paper-{i % 20}/claim-{i}" for i in range(CLAIMS)]
    verdicts = [
        rows.verdict_row(("supported", "refuted", "inconclusive")[i % 3], name, estimate=0.5, ci_low=0.4, ci_high=0.6, n=3, bound="< 1")
        for i, name in enumerate(names)
    ]
    values = [rows.measurement(0.5 + i % 7, claim_id=name, arms=["rlvr", "sft"], metric="m", duration_s=0.1) for i, name in enumerate(names)]
    session = Session(folder).open()
    session.commit({"verdicts": verdicts, "measurements": values, "runs": [rows.run_row()]})
    return {table: pq.read_table(table_path(folder, table, session.run_id)) for table in ("verdicts", "measurements", "runs")}


def again(folder, tables, k):
    """The same session at another time, with verdicts turned; quicker than to make its rows again."""
    at = BEGAN + timedelta(minutes=5 * k)
    run_id = f"{at:%Y%m%dT%H%M%SZ}-ab12cd3-{k:04x}"
    for table, content in tables.items():
        changed = {"run_id": pa.array([run_id] * content.num_rows)}
        if table == "runs":
            changed["started"] = pa.array([at], schema("runs").field("started").type)
        if table == "verdicts" and k % 10 == 0:
            changed["verdict"] = pc.replace_substring(content["verdict"], "supported", "refuted")
        for name, column in changed.items():
            content = content.set_column(content.column_names.index(name), content.schema.field(name), column)
        path = table_path(folder, table, run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(content.cast(schema(table)).replace_schema_metadata(metadata()), path)


def test_a_hundred_thousand_verdicts_are_asked_in_seconds(tmp_path, rows):
    """Every named query; process time, which other work on the machine does not lengthen."""
    tables = a_large_session(tmp_path, rows)
    for k in range(SESSIONS - 1):
        again(tmp_path, tables, k)
    before = query(tmp_path, "select run_id, count(*) as n from verdicts group by all order by all").to_pylist()
    assert sum(row["n"] for row in before) == 100_000
    [merged, *_] = compact(tmp_path, every_month=True)
    assert merged.runs == SESSIONS - 1
    assert query(tmp_path, "select run_id, count(*) as n from verdicts group by all order by all").to_pylist() == before
    took = {}
    with connect(tmp_path) as connection:
        for name, named in all_queries().items():
            began = time.process_time()
            found = ask(connection, named.sql, named.bind(["paper-0/claim-0"] if name == "evidence" else [], {}))
            took[name] = time.process_time() - began
            assert name not in ("flips", "cost", "slowest-arms", "evidence") or found.num_rows
    assert max(took.values()) < 10.0, took


def test_many_sessions_are_as_quick_as_one_once_merged(tmp_path, rows):
    """600 files of 200 sessions become 3; the figure for 10,000 sessions is in docs/log.md."""
    tables = {name: table.slice(0, 2) for name, table in a_large_session(tmp_path / "one", rows).items()}
    for k in range(200):
        again(tmp_path, tables, k)
    assert [(merged.runs, merged.files, merged.files_after) for merged in compact(tmp_path, every_month=True)] == [(200, 600, 3)]
    began = time.process_time()
    assert query(tmp_path, "select count(*) as n from latest_verdict").to_pylist() == [{"n": 2}]
    assert time.process_time() - began < 2.0
