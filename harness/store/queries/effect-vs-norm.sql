-- Does an effect grow with the size of the update?
--
-- How a measure goes with the norm of the update it was read on: the rank correlation (1: always larger with a larger norm, 0:
-- unrelated) and the slope of log on log (2: as the square). Points are, for "claim", seeds of a claim that matches two arms on
-- the update's norm, which the store keeps; for "diff", the matrices of a `harness diff`; for "profile", the layers and modules of a
-- profiled run, at its last step. null_rho is the same for noise of those norms: as high there, the norm alone does it. Matching on
-- the norm leaves seeds in a narrow range (norm_low to norm_high), so read "claim" rows with care.
-- option source text =: claim, diff or profile
-- option limit int = 40: rows at most; 0 for all
-- empty: no norm is stored beside a measure; `harness diff` and `harness profile` store them
WITH matched AS (
  SELECT m.claim_id AS what, m.scale, m.metric, m.role, m.seed, m.value AS effect,
         (SELECT max((x ->> '$.achieved')::double) FROM (SELECT unnest(from_json(m.matches, '["json"]')) AS x)
          WHERE x ->> '$.on' = 'update_norm') AS norm
  FROM latest_verdict AS v
  JOIN measurements AS m ON m.run_id = v.measured_in AND m.claim_id = v.claim_id AND m.scale = v.scale
  WHERE m.matches IS NOT NULL AND (m.role = 'claim' OR (m.role = 'null' AND m.control = v.null_name))),
diffs AS (
  FROM matrices
  QUALIFY dense_rank() OVER (PARTITION BY base, tuned, step ORDER BY run_id DESC) = 1),
ends AS (FROM latest_profile WHERE starts_with(kind, 'layer_') QUALIFY step = max(step) OVER (PARTITION BY subject)),
curves AS (SELECT subject, scale, kind, module, unnest(x) AS x, unnest(y) AS y FROM ends),
points AS (
  SELECT 'claim' AS source, what, scale, metric, role, norm, effect FROM matched
  UNION ALL
  SELECT 'diff', e.tuned || coalesce(' step ' || e.step, ''), NULL, e.metric, role.role, n.value,
         CASE role.role WHEN 'claim' THEN e.value ELSE e.null_mean END
  FROM diffs AS e
  JOIN diffs AS n ON n.run_id = e.run_id AND n.name = e.name AND n.step IS NOT DISTINCT FROM e.step AND n.metric = 'relative_norm'
  CROSS JOIN (VALUES ('claim'), ('null')) AS role(role)
  WHERE e.metric NOT IN ('relative_norm', 'equal', 'rounding')
  UNION ALL
  SELECT 'profile', e.subject, e.scale, e.kind, 'claim', n.y, e.y
  FROM curves AS e JOIN curves AS n ON (n.subject, n.module, n.x) = (e.subject, e.module, e.x) AND n.kind = 'layer_update_norm'
  WHERE e.kind <> 'layer_update_norm'),
ranked AS (
  SELECT *, rank() OVER (PARTITION BY source, what, scale, metric, role ORDER BY norm) AS norm_rank,
         rank() OVER (PARTITION BY source, what, scale, metric, role ORDER BY effect) AS effect_rank
  FROM points WHERE norm > 0 AND effect IS NOT NULL),
fits AS (
  SELECT source, what, scale, metric, role, count(*) AS points, min(norm) AS norm_low, max(norm) AS norm_high, avg(effect) AS mean_effect,
         CASE WHEN count(DISTINCT norm) > 1 AND count(DISTINCT effect) > 1 THEN corr(norm_rank, effect_rank) END AS rho,
         CASE WHEN count(DISTINCT norm) > 1 AND min(effect) > 0 THEN regr_slope(ln(CASE WHEN effect > 0 THEN effect END), ln(norm)) END AS slope
  FROM ranked GROUP BY ALL)
SELECT c.source, c.what, c.scale, c.metric, c.points, c.norm_low, c.norm_high, c.mean_effect, round(c.rho, 2) AS rho,
       round(c.slope, 2) AS slope, round(x.rho, 2) AS null_rho
FROM fits AS c
LEFT JOIN fits AS x ON x.role = 'null' AND (x.source, x.what, x.metric) = (c.source, c.what, c.metric) AND x.scale IS NOT DISTINCT FROM c.scale
WHERE c.role = 'claim' AND c.points >= 3 AND ($source::text IS NULL OR c.source = $source::text)
ORDER BY c.source, c.points DESC, abs(c.rho) DESC NULLS LAST, c.what, c.scale, c.metric
LIMIT CASE WHEN $limit::int > 0 THEN $limit::int END
