"""SQL from outside: what reads is answered, what writes is refused, by whichever way it comes."""

import os
import signal
import threading

import pyarrow.parquet as pq
import pytest
from harness.errors import StoreError
from harness.store import guard
from harness.store.reader import query


@pytest.fixture
def asking(store, rows):
    store(verdicts=[rows.verdict_row()], measurements=[rows.measurement()])
    opened = guard.open_store(store.folder)
    yield opened
    opened.connection.close()


def ask(asking, sql, params=None):
    """The rows of the last statement."""
    answer = None
    for text in list(guard.statements(asking, sql)):
        answer = guard.run(asking, text, params)
    return answer.to_pylist() if answer is not None else None


@pytest.mark.parametrize(
    "sql",
    [
        "from verdicts",
        "select 1; from latest_verdict",
        "with x as (from runs) from x",
        "describe verdicts",
        "show tables",
        "summarize verdicts",
        "explain from runs",
        "pivot verdicts on verdict using count(*)",
        "select 'copy', \"update\" from (select 1 as \"update\") -- insert",
        "select $$insert$$ /* delete */",
    ],
)
def test_what_reads_is_answered(asking, sql):
    assert ask(asking, sql)


WRITES = [
    "insert into stored_runs select * from runs",
    "insert into zero_runs select * from runs",
    "delete from zero_runs",
    "update zero_runs set mode = 'x'",
    "create table mine as from runs",
    "create temp view mine as from runs",
    "create macro twice(x) as 2 * x",
    "drop view flips",
    "alter table zero_runs add column x int",
    "copy runs to '{out}'",
    "COPY (from runs) TO '{out}' (format parquet)",
    "export database '{out}'",
    "attach '{out}'",
    "install httpfs",
    "load httpfs",
    "set threads = 1",
    "set variable x = 1",
    "pragma enable_logging",
    "call enable_logging()",
    "prepare p as copy runs to '{out}'",
    "begin",
    "checkpoint",
    "with x as (copy runs to '{out}') from x",
    "with x as (with y as (from runs) insert into zero_runs from y returning *) from x",
    "with x as materialized (insert into zero_runs from runs returning *) from x",
    "explain with x as (copy runs to '{out}') from x",
    "explain analyze copy runs to '{out}'",
    "explain analyze insert into zero_runs from runs",
    "select 1; copy runs to '{out}'",
    "/* from runs */ copy runs to '{out}'",
]


@pytest.mark.parametrize("sql", WRITES)
def test_what_writes_is_refused(asking, store, tmp_path, sql):
    before = sorted(tmp_path.rglob("*"))
    for out in (tmp_path / "out", store.folder / "out.parquet"):
        with pytest.raises(StoreError, match=r"the query writes \([A-Z ]+\), and without --write DIR the store is only read"):
            ask(asking, sql.format(out=out))
    assert sorted(tmp_path.rglob("*")) == before and ask(asking, "select count(*) as n from runs") == [{"n": 1}]


@pytest.mark.parametrize(
    "sql",
    ["with x as (copy runs to '{out}') from x", "create table mine as from runs", "with x as (insert into zero_runs from runs returning *) from x"],
)
def test_duckdb_itself_refuses_them_too(asking, tmp_path, sql):
    """The words are the first of the barriers, not the only one."""
    with pytest.raises(StoreError, match="the query failed: (Permission|TransactionContext)"):
        guard.run(asking, sql.format(out=tmp_path / "out"))
    assert not (tmp_path / "out").exists() and ask(asking, "select count(*) as n from runs") == [{"n": 1}]


def test_no_other_file_is_read(asking, tmp_path):
    (tmp_path / "other.csv").write_text("a\n1\n")
    with pytest.raises(StoreError, match="Permission Error: Cannot access file"):
        ask(asking, f"from read_csv('{tmp_path / 'other.csv'}')")


def test_a_store_named_relatively_is_read(store, rows, monkeypatch, tmp_path):
    store(verdicts=[rows.verdict_row()])
    monkeypatch.chdir(tmp_path)
    opened = guard.open_store("results")
    assert ask(opened, "select verdict from verdicts") == [{"verdict": "supported"}]
    opened.connection.close()


def test_with_a_folder_statements_write_there_and_only_there(store, rows, tmp_path):
    store(verdicts=[rows.verdict_row()])
    (tmp_path / "mine").mkdir()
    opened = guard.open_store(store.folder, tmp_path / "mine")
    ask(opened, f"create table mine as from verdicts; copy mine to '{tmp_path / 'mine' / 'v.parquet'}'")
    assert pq.read_table(tmp_path / "mine" / "v.parquet").num_rows == 1
    before = sorted(store.folder.rglob("*"))
    for out in (tmp_path / "elsewhere.csv", store.folder / "runs" / "x.parquet", tmp_path / "mine" / ".." / "x.csv"):
        with pytest.raises(StoreError, match="Permission Error"):
            ask(opened, f"copy mine to '{out}'")
    assert sorted(store.folder.rglob("*")) == before
    ask(opened, "delete from stored_verdicts")
    assert ask(opened, "from verdicts") == [] and query(store.folder, "from verdicts").num_rows == 1
    opened.connection.close()


def test_a_folder_to_write_to_does_not_touch_the_store(store, rows, tmp_path):
    store(verdicts=[rows.verdict_row()])
    for folder in (store.folder, store.folder / "runs", tmp_path):
        with pytest.raises(StoreError, match="lies in the results folder or holds it"):
            guard.open_store(store.folder, folder)
    with pytest.raises(StoreError, match="there is no such folder"):
        guard.open_store(store.folder, tmp_path / "nowhere")


def test_an_error_leaves_the_prompt_usable(asking):
    with pytest.raises(StoreError):
        ask(asking, "select cast('x' as int)")
    assert ask(asking, "select $n::int + 1 as n", {"n": 1}) == [{"n": 2}]


@pytest.fixture
def heeds_ctrl_c():
    """A session that a shell started in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_stops_the_statement(asking, heeds_ctrl_c):
    """As Ctrl-C does: the query would take hours."""
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ask(asking, "select sum(a.range * b.range) from range(1000000) as a, range(1000000) as b")
    timer.join()
    assert ask(asking, "select 1 as n") == [{"n": 1}]
