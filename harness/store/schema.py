"""One pinned schema per table: the store's columns as data.

Why pinned: without a schema pyarrow types an all-None column `null`, and DuckDB takes types from the first file and
then reads 1.5 as 2. Evolution: only nullable columns are added, and SCHEMA_VERSION goes up; a change of meaning gets
a new metric name or metric_version instead.

The columns are plain Python, so that rows can be checked without pyarrow; `SCHEMAS` and `schema()` build the Arrow
schemas on first use.

    python -m harness.store.schema results/_schema      # write the zero-row files that are committed
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 2  # 2: the table `profiles`, runs.pooled
TABLES = ("claims", "measurements", "verdicts", "runs")  # in writing order: runs is the commit marker
"""What every session writes; before them, `matrices` is written by a diff alone and `profiles` by a profile alone."""


class Column(NamedTuple):
    """A column's type, one of string, int, float, bool, time, strings, floats, and whether it may be NULL."""

    type: str
    nullable: bool


# One line a column: name and type; "!" forbids NULL.
_RUNS = """
run_id string!            | started time!            | finished time!           | duration_s float
training_s float          | measuring_s float        | other_s float
mode string!              | judged string!           | rejudges string          | recovered bool
git_sha string            | git_dirty bool           | diff_sha string
harness string            | python string            | torch string             | transformers string
peft string               | trl string               | lm_eval string           | numpy string
scipy string              | duckdb string            | pyarrow string           | pytest string
cpu string                | gpu string               | driver string            | blas string
threads int               | tf32 bool                | deterministic bool       | default_dtype string
seed_base int             | seeds int                | scales strings           | argv string
ci_url string             | selected int             | measured int             | skipped int
errored int               | supported int            | refuted int              | inconclusive int
schema_version int!       | loop_version int         | trained int
pooled strings
"""
_CLAIMS = """
run_id string!            | claim_id string!         | scale string!            | paper string!
version int!              | spec_sha string!         | spec string!             | says string
source string             | bound string             | family string            | expected string
needs strings             | status string!           | status_reason string     | nodeid string
"""
_MEASUREMENTS = """
run_id string!            | claim_id string!         | scale string!            | role string!
control string            | arms strings             | model string             | dtype string
seed int!                 | metric string            | within string            | value float
value2 float              | names strings            | values floats            | status string!
metric_version int        | run_keys strings         | nodeid string            | duration_s float
attempt int               | matches string
"""
_VERDICTS = """
run_id string!            | claim_id string!         | scale string!            | paper string!
version int!              | spec_sha string!         | bound string             | alpha float
family string             | family_size int          | expected string          | as_expected bool
verdict string!           | reason string            | detail string            | estimate float
ci_low float              | ci_high float            | ci_level float           | method string
p float                   | p_adj float              | sign_flip_p float        | n int
effect float              | mde float                | n_to_settle int          | noise_floor float
null_name string          | null_estimate float      | null_low float           | null_high float
null_verdict string       | plant_name string        | plant_estimate float     | plant_low float
plant_high float          | plant_verdict string
"""
_MATRICES = """
run_id string!            | base string!             | tuned string!            | step int
name string!              | layer int                | module string            | rows int
cols int                  | base_dtype string        | tuned_dtype string       | metric string!
value float               | chance float             | null_name string         | null_mean float
null_sd float             | null_draws int           | k int                    | gap float
route string              | bound float              | status string!           | detail string
metric_version int        | duration_s float
"""
# A row is one curve or one map of one matrix at one step. matrix "": of all matrices together. x, y: the curve; y alone: a map
# of rows x cols values, row by row. reference: what noise or chance gives, as long as y, or one value.
_PROFILES = """
run_id string!            | subject string!          | arm string               | scale string
seed int                  | run_key string           | step int!                | matrix string!
layer int                 | module string            | kind string!             | x floats
y floats                  | rows int                 | cols int                 | reference floats
reference_name string     | status string!           | detail string            | metric_version int
"""


def _parse(text: str) -> dict[str, Column]:
    cells = (cell.split() for line in text.strip().splitlines() for cell in line.split("|"))
    return {name: Column(kind.removesuffix("!"), not kind.endswith("!")) for name, kind in cells}


COLUMNS: dict[str, dict[str, Column]] = {
    "runs": _parse(_RUNS),
    "claims": _parse(_CLAIMS),
    "measurements": _parse(_MEASUREMENTS),
    "verdicts": _parse(_VERDICTS),
    "matrices": _parse(_MATRICES),
    "profiles": _parse(_PROFILES),
}


@cache
def schema(table: str) -> "pa.Schema":
    """The Arrow schema of a table, without metadata."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "strings": pa.list_(pa.string()),
        "floats": pa.list_(pa.float64()),
    }
    return pa.schema([pa.field(name, types[c.type], nullable=c.nullable) for name, c in columns(table).items()])


def columns(table: str) -> dict[str, Column]:
    """A table's columns in order.

    Raises:
        StoreError: there is no such table.
    """
    if table not in COLUMNS:
        raise StoreError(f"the store has no table {table!r}; its tables are {', '.join(COLUMNS)}")
    return COLUMNS[table]


def __getattr__(name: str):
    if name == "SCHEMAS":
        return {table: schema(table) for table in COLUMNS}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def metadata(git_sha: str = "") -> dict[str, str]:
    """Key-value metadata of every file of the store; a Parquet file without it is foreign."""
    return {"schema_version": str(SCHEMA_VERSION), "git_sha": git_sha}


def write_empty(folder: Path) -> list[Path]:
    """Write one zero-row file per table: the DDL as data, readable by any Parquet tool."""
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{table}.parquet" for table in COLUMNS]
    for table, path in zip(COLUMNS, paths, strict=True):
        pq.write_table(schema(table).empty_table().replace_schema_metadata(metadata()), path, compression="zstd")
    return paths


if __name__ == "__main__":
    import sys

    for written in write_empty(Path(sys.argv[1])):
        print(written)
