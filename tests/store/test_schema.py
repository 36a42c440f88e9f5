from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness.errors import StoreError
from harness.store import schema

COMMITTED = Path(__file__).parents[2] / "results" / "_schema"


@pytest.mark.parametrize("table", schema.COLUMNS)
def test_committed_files_are_the_schemas(table):
    stored = pq.read_table(COMMITTED / f"{table}.parquet")
    assert stored.num_rows == 0
    assert stored.schema.equals(schema.SCHEMAS[table])
    assert stored.schema.metadata[b"schema_version"] == str(schema.SCHEMA_VERSION).encode()


def test_the_command_writes_what_is_committed(tmp_path):
    for path in schema.write_empty(tmp_path / "_schema"):
        assert pq.read_schema(path).equals(pq.read_schema(COMMITTED / path.name), check_metadata=True)


def test_types_and_nullability_come_from_the_text():
    claims = schema.schema("claims")
    assert claims.field("needs").type == pa.list_(pa.string())
    assert not claims.field("spec_sha").nullable and claims.field("says").nullable
    assert schema.schema("runs").field("started").type == pa.timestamp("us", tz="UTC")
    assert schema.schema("measurements").field("values").type == pa.list_(pa.float64())


def test_runs_are_written_last():
    assert schema.TABLES[-1] == "runs" and {*schema.TABLES, "matrices", "profiles"} == set(schema.COLUMNS)


def test_unknown_table_lists_the_tables():
    with pytest.raises(StoreError, match="no table 'verdict'; its tables are runs, claims"):
        schema.columns("verdict")
