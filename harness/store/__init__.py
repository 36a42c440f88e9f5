"""The results store: Parquet is the truth, DuckDB reads it, a run that did not end is invisible.

    results/
      _schema/<table>.parquet              zero rows, committed: the DDL as data
      baseline/verdicts.parquet            the verdicts that a fresh clone compares with
      <table>/2026-11/<run_id>.parquet     one file per table and run; `runs` is written last, as commit marker
      inflight/<run_id>.jsonl              the journal of a session that is still running

Append-only: a correction is a new run, never an edit. Imports neither torch nor pytest, and pyarrow and duckdb only
inside functions.
"""

from importlib import import_module

_HOME = {
    "COLUMNS": "schema",
    "SCHEMAS": "schema",
    "SCHEMA_VERSION": "schema",
    "TABLES": "schema",
    "Session": "writer",
    "new_run_id": "writer",
    "connect": "reader",
    "query": "reader",
    "changed_without_version": "compare",
    "previous_verdicts": "compare",
}
__all__ = sorted(_HOME)


# Lazy, so that `python -m harness.store.schema` does not find itself imported already.
def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'harness.store' has no attribute {name!r}")
    return getattr(import_module(f"harness.store.{_HOME[name]}"), name)
