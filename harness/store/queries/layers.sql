-- Which layers move?
--
-- The layers that move most, in each model and arm: a layer's value over the mean of all its model's (over_all), where the value is
-- the size of the update (`harness profile`; `harness diff`, there relative to the matrix), or the share of weights that changed in
-- bf16, mean over seeds, from claims that store it matrix by matrix, directly or as what changed in fp32 and was lost in bf16.
-- Claims on real models sample layers: places says how many there are. null_over_all is the same for noise in the arm's place: a layer that
-- moves as much there moves by its size, not by what was learned.
-- option by text = layer: layer, module (such as mlp.up_proj) or matrix
-- option metric text = change density in bf16|relative_norm|layer_update_norm: a regular expression for the whole name
-- option top int = 5: rows of each model and arm; 0 for all
-- empty: no such metric is stored matrix by matrix; --set metric=".*" takes every metric
WITH measured AS (
  SELECT array_to_string(m.arms, '+') AS what, m.scale, m.metric, m.role, m.seed, unnest(m.names) AS name, unnest(m."values") AS value
  FROM latest_verdict AS v
  JOIN measurements AS m ON m.run_id = v.measured_in AND m.claim_id = v.claim_id AND m.scale = v.scale
  WHERE m.names IS NOT NULL AND (m.role = 'claim' OR (m.role = 'null' AND m.control = v.null_name))),
lost AS (
  SELECT a.what, a.scale, 'change density in bf16' AS metric, a.role, a.name, 1 - a.value - b.value AS value
  FROM measured AS a JOIN measured AS b USING (what, scale, role, seed, name)
  WHERE a.metric = '1 - change density in fp32' AND b.metric = 'change density in fp32 - change density in bf16'),
diffs AS (
  SELECT tuned || coalesce(' step ' || step, '') AS what, base AS scale, metric, name, value, null_mean
  FROM matrices
  QUALIFY dense_rank() OVER (PARTITION BY base, tuned, step ORDER BY run_id DESC) = 1),
ends AS (
  SELECT *, layer AS of_layer FROM latest_profile
  WHERE starts_with(kind, 'layer_')
  QUALIFY step = max(step) OVER (PARTITION BY subject)),
cells AS (
  SELECT what, scale, metric, role, name, value, NULL::bigint AS layer FROM measured
  UNION ALL SELECT *, NULL FROM lost
  UNION ALL SELECT what, scale, metric, 'claim', name, value, NULL FROM diffs
  UNION ALL SELECT what, scale, metric, 'null', name, null_mean, NULL FROM diffs WHERE null_mean IS NOT NULL
  UNION ALL SELECT subject, coalesce(scale, ''), kind, 'claim', module, unnest(y), unnest(x)::bigint FROM ends
  UNION ALL SELECT subject, coalesce(scale, ''), kind, 'null', module, unnest(reference), unnest(x)::bigint FROM ends
            WHERE len(reference) = len(y)),
placed AS (
  SELECT what, scale, metric, role, value,
         coalesce(layer, try_cast(regexp_extract(name, '(?:^|\.)(?:layers|h|blocks|layer)\.(\d+)\.', 1) AS bigint)) AS layer,
         regexp_replace(regexp_replace(name, '^.*?(?:layers|h|blocks|layer)\.\d+\.', ''), '\.weight$', '') AS module, name
  FROM cells
  WHERE value IS NOT NULL AND regexp_full_match(metric, $metric::text)),
grouped AS (
  SELECT what, scale, metric, role,
         CASE $by::text WHEN 'module' THEN module WHEN 'matrix' THEN name ELSE 'layer ' || layer END AS place,
         avg(value) AS value, count(*) AS cells
  FROM placed WHERE layer IS NOT NULL GROUP BY ALL),
compared AS (SELECT *, value / nullif(avg(value) OVER (PARTITION BY what, scale, metric, role), 0) AS over_all FROM grouped)
SELECT c.what, c.scale, c.metric, c.place, round(c.value, 6) AS value, round(c.over_all, 3) AS over_all, round(x.over_all, 3) AS null_over_all,
       count(*) OVER (PARTITION BY c.what, c.scale, c.metric) AS places
FROM compared AS c
LEFT JOIN compared AS x ON x.role = 'null' AND (x.what, x.scale, x.metric, x.place) = (c.what, c.scale, c.metric, c.place)
WHERE c.role = 'claim'
QUALIFY row_number() OVER (PARTITION BY c.what, c.scale, c.metric ORDER BY c.over_all DESC NULLS LAST, c.place) <= $top::int OR $top::int = 0
ORDER BY c.metric, c.scale, c.what, c.over_all DESC NULLS LAST, c.place
