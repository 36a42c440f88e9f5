import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness.errors import StoreError
from harness.store import reader, schema, writer
from harness.store.reader import query


def test_an_empty_or_missing_store_reads_as_no_rows(tmp_path):
    for view in (*schema.COLUMNS, *reader.DERIVED, "evidence('paper/claim')"):
        assert query(tmp_path / "nowhere", f"from {view}").num_rows == 0


def test_only_what_a_query_names_is_made_and_all_of_it_where_it_names_nothing(tmp_path):
    made = "SELECT count(*) AS n FROM duckdb_views() WHERE NOT internal"
    with reader.connect(tmp_path, sql="SELECT 1 FROM Verdicts") as few, reader.connect(tmp_path) as all_of_it:
        views = [reader.ask(connection, made)["n"][0].as_py() for connection in (few, all_of_it)]
    assert views == [3, 2 * len(schema.COLUMNS) + len(reader.DERIVED)]  # verdicts, and the files of verdicts and runs
    assert query(tmp_path, made)["n"].to_pylist() == views[1:]
    assert set(query(tmp_path, "SHOW TABLES")["name"].to_pylist()) >= {*schema.COLUMNS, *reader.DERIVED}


def test_a_run_without_its_runs_file_is_invisible(store, rows):
    run_id = store(claims=[rows.claim_row()], measurements=[rows.measurement()], verdicts=[rows.verdict_row()])
    writer.table_path(store.folder, "runs", run_id).unlink()
    for view in ("claims", "measurements", "verdicts", *reader.DERIVED, "evidence('paper/claim')"):
        assert query(store.folder, f"from {view}").num_rows == 0


def test_temporary_files_are_not_read(store, rows):
    run_id = store(verdicts=[rows.verdict_row()])
    path = writer.table_path(store.folder, "verdicts", run_id)
    path.with_name("other.parquet.tmp").write_bytes(b"half a file")
    assert query(store.folder, "from verdicts").num_rows == 1


def _damaged(path, how):
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "not Parquet":
        path.write_text("claim,verdict\n")
    elif how == "foreign":
        pq.write_table(pa.table({"a": [1.5]}), path)
    elif how == "without a key":
        pq.write_table(pq.read_table(path).drop_columns(["claim_id"]), path)
    else:
        table = pq.read_table(path)
        index = table.column_names.index("estimate")
        pq.write_table(table.set_column(index, "estimate", pa.array(["1"])), path)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("truncated", "is truncated or not a Parquet file; move it out"),
        ("empty", r"is empty \(0 bytes\); move it out"),
        ("not Parquet", "is truncated or not a Parquet file; move it out"),
        ("foreign", "was not written by this harness"),
        ("without a key", "lacks the column 'claim_id' of table verdicts; move it out"),
        ("of another type", "column 'estimate' is string, but table verdicts has double; move it out"),
    ],
    ids=lambda value: value if " " not in value or len(value) < 16 else "",
)
def test_a_bad_file_is_named(store, rows, how, says):
    good = store(verdicts=[rows.verdict_row()])
    bad = writer.table_path(store.folder, "verdicts", store(1, verdicts=[rows.verdict_row("refuted")]))
    _damaged(bad, how)
    with pytest.raises(StoreError, match=says) as caught:
        query(store.folder, "from latest_verdict")
    assert str(bad) in str(caught.value)
    bad.unlink()
    assert query(store.folder, "select distinct run_id from verdicts").to_pylist() == [{"run_id": good}]


def test_damage_behind_an_intact_footer_is_an_error_too(store, rows):
    path = writer.table_path(store.folder, "verdicts", store(verdicts=[rows.verdict_row()]))
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    path.write_bytes(bytes(content))
    with pytest.raises(StoreError, match="the query failed"):
        query(store.folder, "from verdicts")


def test_a_file_copied_into_another_month_is_not_counted_twice(store, rows):
    path = writer.table_path(store.folder, "runs", store(verdicts=[rows.verdict_row()]))
    copy = store.folder / "runs" / "2020-01" / path.name
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    with pytest.raises(StoreError, match="is stored twice, in .*2020-01"):
        query(store.folder, "from runs")


def test_files_of_an_older_and_a_newer_schema_read_together(store, rows):
    """Older: a nullable column is missing. Newer: it has one more. 1.5 stays 1.5 whichever file is first."""
    old = writer.table_path(store.folder, "measurements", store(measurements=[rows.measurement(2.0)]))
    kept = pq.read_table(old)
    pq.write_table(kept.drop_columns(["value2", "attempt"]), old)
    new = writer.table_path(store.folder, "measurements", store(1, measurements=[rows.measurement(1.5)]))
    pq.write_table(pq.read_table(new).append_column("layer", pa.array([3])), new)
    found = query(store.folder, "select value, value2, layer from measurements order by run_id").to_pylist()
    assert sorted(row["value"] for row in found) == [1.5, 2.0]
    assert {row["layer"] for row in found} == {None, 3}


def test_a_quote_in_the_folder_name(tmp_path, rows):
    folder = tmp_path / "it's here"
    writer.Session(folder).open().commit({"verdicts": [rows.verdict_row()], "runs": [rows.run_row()]})
    assert query(folder, "from verdicts").num_rows == 1


@pytest.mark.parametrize("sql", ["from nosuchtable", "selec 1", "select nocolumn from runs"])
def test_bad_sql_is_a_store_error(tmp_path, sql):
    with pytest.raises(StoreError, match="the query failed"):
        query(tmp_path, sql)


def test_times_are_read_in_utc(store, rows):
    store(verdicts=[rows.verdict_row()])
    assert query(store.folder, "select started::varchar as at from runs").to_pylist() == [{"at": "2026-11-21 23:30:10+00"}]


def test_missing_values_stay_missing(store, rows):
    """NaN > 0.5 is true in DuckDB; a stored non-finite value is NULL and satisfies nothing."""
    store(measurements=[rows.measurement(float("nan"), status="nonfinite"), rows.measurement(0.2, seed=1)])
    assert query(store.folder, "from measurements where value > 0.5").num_rows == 0
    assert query(store.folder, "select count(value) as n from measurements").to_pylist() == [{"n": 1}]
