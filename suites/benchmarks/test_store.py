"""The store at a million rows, against the ways that need no store: JSON lines, and pandas on the same Parquet file."""

import harness as h
from suites.benchmarks.paper import ITSELF, NO_PLANT, PAPER, STORE

ROWS = 1_000_000
CLAIMS, SEEDS = 1000, 1000

SOURCE = "step 2, benchmarks: store write and query at 1e6 rows"
SHARED = {"no_plant": NO_PLANT, "null": ITSELF, "expect": {"tiny": "open"}, "family": STORE, "source": SOURCE}


def rows(rng, count=ROWS):
    """Measurements of 1000 claims, their values drawn by the generator."""
    import torch

    values = torch.randn(count, generator=rng, dtype=torch.float64).tolist()
    shared = {"scale": "tiny", "role": "claim", "metric": "number", "within": "median", "status": "ok", "attempt": 1}
    return [shared | {"claim_id": f"p/c{i % CLAIMS:03d}", "seed": i // CLAIMS, "value": value} for i, value in enumerate(values)]


def session(folder, given):
    """One committed session of these measurements; its path."""
    from datetime import UTC, datetime

    from harness.store.writer import Session

    now = datetime(2026, 1, 1, tzinfo=UTC)
    run = {"started": now, "finished": now, "mode": "dev", "judged": "regression", "schema_version": 1}
    return Session(folder).open().commit({"measurements": given, "runs": [run]})


def json_lines(folder, given):
    """The same rows as JSON lines, through to the disk."""
    import json
    import os

    with open(folder / "rows.jsonl", "w", encoding="utf-8") as file:
        for row in given:
            file.write(json.dumps(row, allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return folder / "rows.jsonl"


def stored(folder, rng):
    """A million rows in a store and as JSON lines, written once a test: what varies between replicates is the clock."""
    lines = folder / "rows.jsonl"
    if not lines.exists():
        given = rows(rng)
        session(folder, given)
        json_lines(folder, given)
    return lines


@PAPER.claim(
    "write",
    says="Writing a million checked rows takes at most four times as long as JSON lines without a check",
    metric="time to write 1e6 rows, store over JSON lines",
    bound=h.below(4.0, on="log"),
    **SHARED | {"null": None, "no_null": "JSON lines against themselves meet the bound: it grants the store's checks their cost"},
)
def test_write(race, rng, tmp_path, contender="ours"):
    given = rows(rng)
    return race(contender, ours=lambda: session(tmp_path, given), reference=lambda: json_lines(tmp_path, given), agree=None)


@PAPER.claim(
    "query-json",
    says="Mean and count of each of 1000 claims over a million rows take under a tenth of the time of reading JSON lines",
    metric="time of the query, store over JSON lines",
    bound=h.below(0.1, on="log"),
    **SHARED,
)
def test_query_json(race, rng, tmp_path, contender="ours"):
    import json
    from collections import defaultdict

    def brute():
        by_claim = defaultdict(list)
        with open(lines, encoding="utf-8") as file:
            for row in map(json.loads, file):
                by_claim[row["claim_id"]].append(row["value"])
        return [[sum(values) / len(values), len(values)] for _, values in sorted(by_claim.items())]

    lines = stored(tmp_path, rng)
    return race(contender, ours=lambda: means(tmp_path), reference=brute, agree=1e-6)


@PAPER.claim(
    "query-pandas",
    says="The same query is at most twice as slow as pandas on the one Parquet file, views and file checks included",
    metric="time of the query, store over pandas",
    bound=h.below(2.0, on="log"),
    **SHARED | {"null": None, "no_null": "pandas against itself meets the bound: it grants the store's views their cost"},
)
def test_query_pandas(race, rng, tmp_path, contender="ours"):
    import pandas as pd

    def brute():
        [path] = (tmp_path / "measurements").glob("*/*.parquet")
        grouped = pd.read_parquet(path, columns=["claim_id", "value"]).groupby("claim_id")["value"]
        return grouped.agg(["mean", "count"]).sort_index().to_numpy()

    stored(tmp_path, rng)
    return race(contender, ours=lambda: means(tmp_path), reference=brute, agree=1e-6)


def means(folder):
    """Mean and count by claim, through the store's views."""
    from harness.store.reader import query

    found = query(folder, "SELECT avg(value) AS mean, count(*) AS n FROM measurements GROUP BY claim_id ORDER BY claim_id")
    return [list(pair) for pair in zip(found["mean"].to_pylist(), found["n"].to_pylist(), strict=True)]
