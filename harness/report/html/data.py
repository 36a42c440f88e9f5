"""The store as compact JSON: what the pages of claims and sessions are made of.

    page      counts, and what was left out of a very large store
    runs      one row a session, oldest first; its index is the `session` of the other tables
    claims    one row per claim and scale: the verdict that stands, or why there is none; its index is the `claim` of the others
    details   the same rows, the columns that only a claim's own page shows
    values    one row per claim, role and control: the seeds and their values
    history   the verdicts that stood in earlier sessions too
    changes   what is new or differs from the session before; see changes.py
    specs_of_claims    every distinct spec once

Trap: with a hundred thousand verdicts the specs alone would take a hundred megabytes. Above LARGE verdicts specs and run keys
stay in the store, history is shortened, and the page says so.
"""

import json
from typing import TYPE_CHECKING, Any

from harness.report import settle
from harness.report.html.changes import MOST, changes, removed
from harness.report.html.columnar import encode, from_columns
from harness.store.reader import ask

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

LARGE = 20_000
HISTORY = 50
HISTORY_ROWS = 300_000
SCALES = ("tiny", "small", "medium", "large", "own")

SESSIONS = """
CREATE OR REPLACE TEMP TABLE sessions AS
SELECT row_number() OVER (ORDER BY started, run_id) - 1 AS session, runs.*, coalesce(standing.verdicts, 0) AS verdicts
FROM runs
LEFT JOIN (SELECT measured_in AS run_id, count(*) AS verdicts FROM standing GROUP BY measured_in) AS standing USING (run_id)"""
# A claim that was selected but not measured has no verdict; it is shown with the reason, unless it was judged at another time.
JUDGED = """
CREATE OR REPLACE TEMP TABLE judged AS
WITH stated AS (
  SELECT latest.*, claims.says, claims.source, claims.spec, claims.needs, claims.nodeid, NULL AS status
  FROM latest_verdict AS latest
  LEFT JOIN claims ON claims.run_id = latest.measured_in AND claims.claim_id = latest.claim_id AND claims.scale = latest.scale
  UNION ALL BY NAME
  SELECT claims.* EXCLUDE (status_reason), claims.status_reason AS reason, run_id AS measured_in, 'not judged' AS verdict
  FROM claims JOIN runs USING (run_id)
  ANTI JOIN latest_verdict USING (claim_id, scale)
  WHERE claims.status <> 'measured'
  QUALIFY row_number() OVER (PARTITION BY claim_id, scale ORDER BY runs.started DESC, run_id DESC) = 1)
SELECT row_number() OVER (ORDER BY paper, claim_id, scale) - 1 AS claim, sessions.session, stated.*
FROM stated LEFT JOIN sessions ON sessions.run_id = stated.measured_in"""
CLAIMS = """
SELECT claim_id, paper, scale, verdict, coalesce(reason, '') AS reason, status, expected, as_expected,
       estimate, ci_low, ci_high, coalesce(bound, '') AS bound, n, null_name, null_estimate, session, version, coalesce(says, '') AS says
FROM judged ORDER BY claim"""
DETAILS = """
SELECT source, detail, nodeid, judged, spec_sha, alpha, ci_level, method, p, p_adj, sign_flip_p, effect, mde, n_to_settle,
       noise_floor, family, family_size, null_low, null_high, null_verdict,
       plant_name, plant_estimate, plant_low, plant_high, plant_verdict, needs
FROM judged ORDER BY claim"""
UNSETTLED = "SELECT claim, verdict, reason, detail, n_to_settle FROM judged WHERE verdict = 'inconclusive'"
VALUES = """
SELECT judged.claim, m.role, m.control, any_value(m.metric) AS metric,
       string_agg(m.seed, ' ' ORDER BY m.seed) AS seeds,
       list(m.value ORDER BY m.seed) AS "values",
       CASE WHEN count(m.value2) > 0 THEN list(m.value2 ORDER BY m.seed) END AS "values2",
       CASE WHEN bool_or(m.status <> 'ok') THEN list(m.status ORDER BY m.seed) END AS statuses,
       sum(m.duration_s) AS seconds
FROM judged JOIN measurements AS m ON m.run_id = judged.measured_in AND m.claim_id = judged.claim_id AND m.scale = judged.scale
GROUP BY judged.claim, m.role, m.control
ORDER BY judged.claim, CASE m.role WHEN 'claim' THEN 0 WHEN 'null' THEN 1 WHEN 'plant' THEN 2 ELSE 3 END, m.control"""
KEYS = """
SELECT judged.claim, m.seed, m.run_keys
FROM judged JOIN measurements AS m ON m.run_id = judged.measured_in AND m.claim_id = judged.claim_id AND m.scale = judged.scale
WHERE m.role = 'claim' AND len(m.run_keys) > 0
ORDER BY judged.claim, m.seed"""
HISTORY_OF = """
SELECT judged.claim, sessions.session, standing.verdict, coalesce(standing.reason, '') AS reason, standing.estimate,
       standing.ci_low, standing.ci_high, standing.n, standing.version, standing.spec_sha, standing.judged
FROM standing
JOIN judged USING (claim_id, scale)
JOIN sessions ON sessions.run_id = standing.measured_in
QUALIFY row_number() OVER (PARTITION BY judged.claim ORDER BY sessions.session DESC) <= $most
ORDER BY judged.claim, sessions.session"""


def blocks(connection: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """The data blocks of the pages of claims and sessions; see above."""
    connection.execute(SESSIONS)
    connection.execute(JUDGED)
    judged = ask(connection, "SELECT paper, scale, spec FROM judged ORDER BY claim")
    is_large = judged.num_rows > LARGE
    most = max(3, min(HISTORY, HISTORY_ROWS // max(judged.num_rows, 1)))
    specs, which = _specs(judged, is_large)
    claims, details = (ask(connection, sql) for sql in (CLAIMS, DETAILS))
    gone, changed = removed(connection), changes(connection)
    return {
        "page": {
            "scales": sorted(set(judged["scale"].to_pylist()), key=_smallest_first),
            "papers": _papers(judged),
            "history": most,
            "large": LARGE if is_large else None,
            "changes_kept": MOST if changed["n"] == MOST else None,
        },
        "runs": encode(ask(connection, "SELECT * EXCLUDE (session) FROM sessions ORDER BY session")),
        "claims": _with(encode(claims), gone=gone),
        "details": _with(encode(details), spec=which, settles=_settles(ask(connection, UNSETTLED), judged.num_rows)),
        "values": encode(ask(connection, VALUES)),
        "keys": None if is_large else _keys(ask(connection, KEYS)),
        "history": encode(ask(connection, HISTORY_OF, {"most": most})),
        "changes": changed,
        "specs_of_claims": specs,
    }


def _smallest_first(scale: str) -> tuple[int, str]:
    return (SCALES.index(scale) if scale in SCALES else len(SCALES), scale)


def _with(table: dict[str, Any], **columns: list[Any]) -> dict[str, Any]:
    table["columns"].update(columns)
    return table


def _settles(unsettled: "pa.Table", rows: int) -> list[str | None]:
    """For every row what would settle it; None where it is settled."""
    found: list[str | None] = [None] * rows
    for row in unsettled.to_pylist():
        found[row["claim"]] = f"about {row['n_to_settle']:,} seeds" if row["n_to_settle"] else settle.settles(row)
    return found


def _papers(judged: "pa.Table") -> dict[str, dict[str, str]]:
    """Paper id to its title and arXiv id, from the newest spec of one of its claims that is JSON."""
    found: dict[str, dict[str, str]] = {}
    for paper, spec in zip(judged["paper"].to_pylist(), judged["spec"].to_pylist(), strict=True):
        if paper not in found or not found[paper]["title"]:
            told = _parsed(spec)
            found[paper] = {key: str(told.get(name) or "") for key, name in (("title", "paper_title"), ("arxiv", "arxiv"))}
    return found


def _specs(judged: "pa.Table", is_large: bool) -> tuple[list[Any], list[int | None]]:
    """Distinct specs, and for each row which is its own; without most of them where there are too many."""
    texts = judged["spec"].to_pylist()
    if is_large:  # the bound is what the picture needs
        texts = [text and json.dumps({"bound": _parsed(text).get("bound")}) for text in texts]
    index = {text: number for number, text in enumerate(dict.fromkeys(text for text in texts if text))}
    return [_parsed(text) or text for text in index], [index.get(text) for text in texts]


def _parsed(spec: str | None) -> dict[str, Any]:
    """A spec's fields; none of a spec that is not a JSON object, which an old store may hold."""
    try:
        found = json.loads(spec or "{}", parse_constant=lambda name: None)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _keys(table: "pa.Table") -> dict[str, Any]:
    """Run keys by claim and seed, each key once in `words`."""
    lists = table["run_keys"].to_pylist()
    words = {word: code for code, word in enumerate(dict.fromkeys(word for keys in lists for word in keys))}
    coded = [[words[word] for word in keys] for keys in lists]
    made = from_columns({"claim": table["claim"].to_pylist(), "seed": table["seed"].to_pylist(), "keys": coded})
    return made | {"words": list(words)}
