-- Where do RL and SFT differ most?
--
-- The farthest apart first, in standard deviations between seeds (sds, signed as the contrast is written). Two kinds of rows:
-- "claim" is a claim that contrasts the two itself (its metric says RL and SFT), "pair" the same metric on an RL arm and on an SFT arm
-- in two claims, paired by seed, RL less SFT (RL over SFT where the claim is judged on the log). No difference is 0, on the log 1.
-- null_sds is the same for an update without the learning signal: a difference that it shows too is not learned. Many metrics of one
-- arm are near copies of each other; sds of 3 to 5 seeds are rough.
-- option scale text =: only this scale
-- option limit int = 25: rows at most; 0 for all
-- empty: no claim contrasts an arm of RL with one of SFT
WITH latest AS (
  SELECT m.claim_id, m.scale, m.role, m.control, m.seed, m.arms, m.metric, m.within, m.value, m.value2,
         v.verdict, v.null_name, v.bound LIKE '%(log)%' AS on_log
  FROM latest_verdict AS v
  JOIN measurements AS m ON m.run_id = v.measured_in AND m.claim_id = v.claim_id AND m.scale = v.scale
  WHERE m.value IS NOT NULL AND v.bound <> 'exact' AND v.scale <> 'own' AND m.role IN ('claim', 'null')
    AND (m.role = 'claim' OR m.control = v.null_name)),
scored AS (
  SELECT *,
         CASE WHEN NOT on_log THEN value - coalesce(value2, 0)
              WHEN value > 0 AND coalesce(value2, 1) > 0 THEN ln(value) - ln(coalesce(value2, 1)) END AS score,
         list_filter(arms, lambda arm: regexp_matches(arm, '^(rlvr|rl)(_|$)')) AS rl,
         list_filter(arms, lambda arm: regexp_matches(arm, '^sft(_|$)')) AS sft
  FROM latest),
contrasts AS (
  SELECT 'claim' AS kind, claim_id, scale, role, seed, metric, on_log, score, verdict,
         array_to_string(rl, '+') AS rl, array_to_string(sft, '+') AS sft
  FROM scored
  WHERE len(rl) > 0 AND len(sft) > 0 AND regexp_matches(metric, '\bRL') AND regexp_matches(metric, '\bSFT\b')
  UNION ALL
  SELECT 'pair', r.claim_id || ' and ' || s.claim_id, r.scale, r.role, r.seed, r.metric, r.on_log, r.score - s.score, NULL,
         array_to_string(r.rl, '+'), array_to_string(s.sft, '+')
  FROM scored AS r
  JOIN scored AS s ON (s.scale, s.role, s.seed, s.metric, s.on_log) = (r.scale, r.role, r.seed, r.metric, r.on_log)
       AND s.within IS NOT DISTINCT FROM r.within
  WHERE len(r.rl) = 1 AND len(r.sft) = 0 AND len(s.sft) = 1 AND len(s.rl) = 0),
found AS (
  SELECT kind, claim_id, scale, rl, sft, metric, on_log, verdict, role, avg(score) AS mean, stddev_samp(score) AS sd, count(score) AS n
  FROM contrasts GROUP BY ALL HAVING n >= 2)
SELECT c.metric, c.scale, c.rl, c.sft, c.kind, round(CASE WHEN c.on_log THEN exp(c.mean) ELSE c.mean END, 6) AS difference,
       CASE WHEN c.on_log THEN 'ratio' ELSE 'less' END AS "as", round(c.mean / nullif(c.sd, 0), 2) AS sds,
       round(x.mean / nullif(x.sd, 0), 2) AS null_sds, c.n, c.verdict, c.claim_id
FROM found AS c
LEFT JOIN found AS x ON x.role = 'null' AND x.kind = c.kind AND x.claim_id = c.claim_id AND x.scale = c.scale AND x.rl = c.rl AND x.sft = c.sft
WHERE c.role = 'claim' AND ($scale::text IS NULL OR c.scale = $scale::text)
ORDER BY abs(c.mean / nullif(c.sd, 0)) DESC NULLS LAST, c.claim_id, c.scale
LIMIT CASE WHEN $limit::int > 0 THEN $limit::int END
