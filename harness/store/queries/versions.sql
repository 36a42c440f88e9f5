-- What changed between two versions of a library?
--
-- Claims that were judged under one version of a library and next under another, and came out otherwise: another verdict, or an
-- estimate that is not the same number. Regression mode measures the same seeds, so a change has a cause: this library, another one
-- that changed in between (also), the harness (its commit, git), or the claim itself (spec_changed). moved: in half-widths of the
-- earlier interval; below 1 the verdict was safe.
-- argument library text =: torch, transformers, peft, numpy or another; without it, all
-- option limit int = 50: rows at most; 0 for all
-- empty: no claim was judged under two versions of a library, or none came out otherwise
WITH described AS (
  SELECT run_id, git_sha, map {
    'python': python, 'torch': torch, 'transformers': transformers, 'peft': peft, 'trl': trl, 'lm_eval': lm_eval, 'numpy': numpy,
    'scipy': scipy, 'duckdb': duckdb, 'pyarrow': pyarrow, 'pytest': pytest, 'harness': harness, 'blas': blas, 'cpu': cpu, 'gpu': gpu
  } AS has
  FROM runs),
steps AS (
  SELECT s.claim_id, s.scale, s.judged, s.verdict, s.estimate, s.spec_sha, s.measured_at, s.measured_in, d.has, d.git_sha,
         lag(s.verdict) OVER before AS previous_verdict, lag(s.estimate) OVER before AS previous_estimate,
         lag(s.spec_sha) OVER before AS previous_sha, lag(d.has) OVER before AS had, lag(d.git_sha) OVER before AS previous_git,
         lag((s.ci_high - s.ci_low) / 2) OVER before AS half_width
  FROM standing AS s JOIN described AS d ON d.run_id = s.measured_in
  WHERE s.scale <> 'own'
  WINDOW before AS (PARTITION BY s.claim_id, s.scale, s.judged ORDER BY s.measured_at, s.measured_in)),
changed AS (
  SELECT *, list_filter(map_keys(has), lambda key: has[key] <> had[key]) AS libraries
  FROM steps
  WHERE had IS NOT NULL AND (verdict <> previous_verdict OR estimate IS DISTINCT FROM previous_estimate))
SELECT library, had[library] AS old, has[library] AS new, claim_id, scale, previous_verdict, verdict,
       round(previous_estimate, 6) AS previous_estimate, round(estimate, 6) AS estimate,
       round(abs(estimate - previous_estimate) / nullif(half_width, 0), 3) AS moved,
       nullif(array_to_string(list_filter(libraries, lambda other: other <> library), ', '), '') AS also,
       git_sha IS DISTINCT FROM previous_git AS git_changed, spec_sha IS DISTINCT FROM previous_sha AS spec_changed, measured_in AS run_id
FROM (SELECT *, unnest(libraries) AS library FROM changed)
WHERE $library::text IS NULL OR library = $library::text
ORDER BY verdict = previous_verdict, moved DESC NULLS LAST, library, claim_id, scale, run_id
LIMIT CASE WHEN $limit::int > 0 THEN $limit::int END
