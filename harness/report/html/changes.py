"""What a session changed: verdicts, reasons and specs against the session before, claims that are new, claims that are gone.

A claim is gone ("not measured since") when a later session went over its suite at its scale without it: one that measured
others of its paper in the same folder, or was asked for all of suites/, and whose command line picks no single claims (no -k,
no file, no test). What only nightly sessions measure is compared with nightly sessions. Where a session's command line is not
stored, it counts if it holds more than half of the paper's claims. A claim that was left out for want of a GPU is still there:
its row in table claims says so.
"""

from typing import TYPE_CHECKING, Any

from harness.report.html.columnar import encode
from harness.store.reader import ask

if TYPE_CHECKING:
    import duckdb

MOST = 5_000
"""Changes kept, newest first."""

# As view `flips`, plus reasons, specs and first verdicts. In the very first session everything is new, which says nothing.
STEPS = """
WITH steps AS (
  SELECT judged.claim, sessions.session, standing.verdict, coalesce(standing.reason, '') AS reason, standing.estimate,
         standing.version, standing.spec_sha, lag(sessions.session) OVER earlier AS previous_session,
         lag(standing.verdict) OVER earlier AS previous_verdict,
         coalesce(lag(standing.reason) OVER earlier, '') AS previous_reason,
         lag(standing.estimate) OVER earlier AS previous_estimate, lag(standing.version) OVER earlier AS previous_version,
         lag(standing.spec_sha) OVER earlier AS previous_sha
  FROM standing
  JOIN judged USING (claim_id, scale)
  JOIN sessions ON sessions.run_id = standing.measured_in
  WHERE standing.scale <> 'own'
  WINDOW earlier AS (PARTITION BY standing.claim_id, standing.scale, standing.judged ORDER BY sessions.session)),
first AS (SELECT min(session) AS session FROM steps)
SELECT claim, steps.session,
       CASE WHEN previous_session IS NULL THEN 'new' WHEN verdict <> previous_verdict THEN 'flip'
            WHEN reason <> previous_reason THEN 'reason' ELSE 'spec' END AS kind,
       previous_session, previous_verdict, previous_reason, previous_estimate, verdict, reason, estimate,
       previous_version, version, previous_session IS NOT NULL AND spec_sha IS DISTINCT FROM previous_sha AS is_spec_changed
FROM steps, first
WHERE CASE WHEN previous_session IS NULL THEN steps.session > first.session
           ELSE verdict <> previous_verdict OR reason <> previous_reason OR spec_sha IS DISTINCT FROM previous_sha END
ORDER BY steps.session DESC, claim
LIMIT $most"""

REMOVED = r"""
WITH asked AS (
  SELECT *, coalesce(argv, '') LIKE '%--claim-nightly%' AS is_nightly,
         regexp_matches(coalesce(argv, ''), '\s-k|::|\.py|id=|--lf|--last-failed') AS is_picked,
         regexp_matches(coalesce(argv, ''), '^pytest suites/?(\s|$)') AND NOT argv LIKE '%paper=%' AS is_whole
  FROM sessions WHERE rejudges IS NULL),
present AS (
  SELECT claims.claim_id, claims.scale, claims.paper, coalesce(regexp_extract(nodeid, '^(.*)/', 1), '') AS folder,
         session, argv, is_nightly, is_picked
  FROM claims JOIN asked USING (run_id) WHERE claims.scale <> 'own'),
seen AS (
  SELECT claim_id, scale, arg_max(paper, session) AS paper, arg_max(folder, session) AS folder,
         max(session) AS last_session, bool_and(is_nightly) AS is_nightly
  FROM present GROUP BY claim_id, scale),
sizes AS (SELECT paper, folder, scale, count(*) AS claims FROM seen GROUP BY paper, folder, scale),
covers AS (
  SELECT sizes.paper, sizes.folder, sizes.scale, session, present.is_nightly
  FROM present JOIN sizes USING (paper, folder, scale)
  WHERE NOT is_picked
  GROUP BY sizes.paper, sizes.folder, sizes.scale, session, present.is_nightly
  HAVING any_value(argv) IS NOT NULL OR 2 * count(*) > any_value(sizes.claims)
  UNION
  SELECT sizes.paper, sizes.folder, sizes.scale, session, asked.is_nightly
  FROM asked JOIN sizes ON list_contains(asked.scales, sizes.scale)
  WHERE is_whole AND NOT is_picked)
SELECT judged.claim, min(covers.session) AS session
FROM seen JOIN covers USING (paper, folder, scale) JOIN judged USING (claim_id, scale)
WHERE covers.session > seen.last_session AND (covers.is_nightly OR NOT seen.is_nightly)
GROUP BY judged.claim"""


def changes(connection: "duckdb.DuckDBPyConnection") -> dict[str, Any]:
    """Changes of all sessions, newest first, MOST at most; the tables `judged` and `sessions` of data.py must be there."""
    return encode(ask(connection, STEPS, {"most": MOST}))


def removed(connection: "duckdb.DuckDBPyConnection") -> list[int | None]:
    """For every row of `judged` the first session that covered its paper without it; None while it is measured."""
    count = ask(connection, "SELECT count(*) AS n FROM judged")["n"][0].as_py()
    found: list[int | None] = [None] * count
    for row in ask(connection, REMOVED).to_pylist():
        found[row["claim"]] = row["session"]
    return found
