-- Views over the store. `stored_<table>` are the files as they are; everything here holds complete runs only.
-- Lambdas are written `lambda x: ...`; a macro parameter must not be called `glob`.

CREATE VIEW runs AS FROM stored_runs;
CREATE VIEW claims AS FROM stored_claims SEMI JOIN stored_runs USING (run_id);
CREATE VIEW measurements AS FROM stored_measurements SEMI JOIN stored_runs USING (run_id);
CREATE VIEW verdicts AS FROM stored_verdicts SEMI JOIN stored_runs USING (run_id);
CREATE VIEW matrices AS FROM stored_matrices SEMI JOIN stored_runs USING (run_id);
CREATE VIEW profiles AS FROM stored_profiles SEMI JOIN stored_runs USING (run_id);

-- One row per session that ended, newest first.
CREATE VIEW complete_runs AS
SELECT run_id, started, duration_s, mode, judged, rejudges, git_sha, git_dirty, seeds, scales,
       selected, measured, skipped, errored, supported, refuted, inconclusive
FROM runs
ORDER BY started DESC, run_id DESC;

-- The verdict that stands for each claim in each run: a rejudgement takes the place of the run that it judges again,
-- so it never passes for newer evidence.
CREATE VIEW standing AS
SELECT coalesce(judging.rejudges, judging.run_id) AS measured_in,
       coalesce(measuring.started, judging.started) AS measured_at,
       judging.judged, verdicts.*
FROM verdicts
JOIN runs AS judging USING (run_id)
LEFT JOIN runs AS measuring ON measuring.run_id = judging.rejudges
QUALIFY row_number() OVER (
  PARTITION BY measured_in, claim_id, scale ORDER BY judging.started DESC, verdicts.run_id DESC) = 1;

-- One row per claim and scale. A verdict on fixed seeds goes before one on fresh seeds, whichever is newer: the two are never mixed,
-- and a store that has only evidence shows that.
CREATE VIEW latest_verdict AS
FROM standing
QUALIFY row_number() OVER (
  PARTITION BY claim_id, scale ORDER BY judged = 'evidence', measured_at DESC, measured_in DESC) = 1
ORDER BY paper, claim_id, scale;

-- The same of evidence mode alone: fresh seeds, with those of the sessions in runs.pooled.
CREATE VIEW latest_evidence AS
FROM standing
WHERE judged = 'evidence'
QUALIFY row_number() OVER (PARTITION BY claim_id, scale ORDER BY measured_at DESC, measured_in DESC) = 1
ORDER BY paper, claim_id, scale;

-- Verdicts that changed against the previous run of the same claim and scale. Runs judged as regression and as
-- evidence are never compared with each other, nor those of a user's own checkpoints, which may be others each time.
CREATE VIEW flips AS
WITH steps AS (
  SELECT *,
         lag(measured_in) OVER before AS previous_run,
         lag(verdict) OVER before AS previous_verdict,
         lag(reason) OVER before AS previous_reason,
         lag(estimate) OVER before AS previous_estimate,
         lag(n) OVER before AS previous_n,
         lag(version) OVER before AS previous_version,
         lag(spec_sha) OVER before AS previous_spec_sha
  FROM standing
  WINDOW before AS (PARTITION BY claim_id, scale, judged ORDER BY measured_at, measured_in))
SELECT claim_id, scale, previous_verdict, verdict, previous_reason, reason, previous_estimate, estimate,
       previous_n, n, spec_sha IS DISTINCT FROM previous_spec_sha AS spec_changed, previous_version, version,
       previous_run, measured_in AS run_id, measured_at
FROM steps
WHERE previous_verdict IS NOT NULL AND verdict <> previous_verdict AND scale <> 'own'
ORDER BY measured_at DESC, claim_id, scale;

-- Every value behind a claim's latest verdict, at each scale: FROM evidence('paper/claim'). Where that was judged on fresh seeds,
-- also the values of earlier sessions that it was pooled with (harness.engine.pool says which).
CREATE MACRO evidence(claim) AS TABLE
WITH latest AS (FROM latest_verdict AS v WHERE v.claim_id = claim),
sources AS (
  SELECT *, measured_in AS source, 1000000000 AS nth FROM latest
  UNION ALL BY NAME
  SELECT latest.*, unnest(runs.pooled) AS source, generate_subscripts(runs.pooled, 1) AS nth
  FROM latest JOIN runs ON runs.run_id = latest.measured_in
  WHERE latest.method IS DISTINCT FROM 'exact')
SELECT latest.scale, m.role, m.control, m.seed, m.value, m.value2, m.status, m.metric, m.within, m.arms,
       m.names, m."values", m.model, m.run_keys, m.run_id, latest.verdict
FROM sources AS latest
JOIN measurements AS m ON m.run_id = latest.source AND m.claim_id = latest.claim_id AND m.scale = latest.scale
LEFT JOIN claims AS c ON c.run_id = m.run_id AND c.claim_id = m.claim_id AND c.scale = m.scale
WHERE latest.source = latest.measured_in
   OR (c.status = 'measured' AND c.version = latest.version AND c.spec_sha = latest.spec_sha)
QUALIFY latest.nth = min(latest.nth) OVER (PARTITION BY latest.scale, m.seed)
ORDER BY latest.scale, CASE m.role WHEN 'claim' THEN 0 WHEN 'null' THEN 1 WHEN 'plant' THEN 2 ELSE 3 END, m.control, m.seed;

-- How far a measure moves between two runs that differ in nothing that matters: on the judged scale (noise_floor), and
-- seed by seed on the raw one.
CREATE VIEW noise_floor AS
WITH twins AS (
  SELECT c.run_id, c.claim_id, c.scale,
         abs(coalesce(c.value - c.value2, c.value) - coalesce(f.value - f.value2, f.value)) AS distance
  FROM measurements AS c
  JOIN measurements AS f USING (run_id, claim_id, scale, seed)
  WHERE c.role = 'claim' AND f.role = 'floor')
SELECT latest.claim_id, latest.scale, latest.noise_floor, count(twins.distance) AS twins,
       avg(twins.distance) AS mean_distance, max(twins.distance) AS largest_distance,
       latest.estimate, latest.ci_low, latest.ci_high, latest.bound, latest.verdict, latest.reason,
       latest.measured_in AS run_id
FROM latest_verdict AS latest
LEFT JOIN twins ON twins.run_id = latest.measured_in AND twins.claim_id = latest.claim_id AND twins.scale = latest.scale
WHERE latest.noise_floor IS NOT NULL OR twins.distance IS NOT NULL
GROUP BY ALL
ORDER BY latest.claim_id, latest.scale;

-- Claims whose bound an update without the learning signal satisfies as well.
CREATE VIEW explained_by_noise AS
SELECT claim_id, scale, bound, estimate, ci_low, ci_high, null_name, null_estimate, null_low, null_high, null_verdict,
       n, detail, measured_in AS run_id
FROM latest_verdict
WHERE reason = 'null explains it'
ORDER BY claim_id, scale;

-- The newest curve or map of each subject, step, matrix and kind: a subject that was profiled again shows its last profile.
-- `layer_...` kinds have a curve a module, all under matrix ''.
CREATE VIEW latest_profile AS
SELECT profiles.*
FROM profiles
JOIN runs USING (run_id)
QUALIFY row_number() OVER (
  PARTITION BY subject, step, matrix, module, kind ORDER BY runs.started DESC, run_id DESC) = 1
ORDER BY subject, step, layer NULLS FIRST, matrix, kind, module;
