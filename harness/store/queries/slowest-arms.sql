-- Which arms are the slowest?
--
-- Slowest to measure: the seconds of every replicate behind the latest verdicts, split evenly over the arms that it reads, since
-- the store has a replicate's time and not an arm's. How long an arm trains is in the cache of runs and in its recipe, not in the
-- store: `pytest --claim-plan` tells it. `rng`, `models`, `lm`, `base` and `small` are what claims ask for beside arms and take no share.
-- option scale text =: only this scale
-- option limit int = 20: rows at most; 0 for all
-- empty: no measurement names an arm
WITH read AS (
  SELECT m.scale, m.claim_id, m.duration_s,
         list_filter(m.arms, lambda arm: arm NOT IN ('rng', 'models', 'lm', 'base', 'small')) AS arms
  FROM latest_verdict AS v
  JOIN measurements AS m ON m.run_id = v.measured_in AND m.claim_id = v.claim_id AND m.scale = v.scale
  WHERE m.duration_s IS NOT NULL),
shares AS (SELECT unnest(arms) AS arm, scale, claim_id, duration_s, duration_s / len(arms) AS share FROM read WHERE len(arms) > 0)
SELECT arm, scale, count(DISTINCT claim_id) AS claims, count(*) AS replicates, round(sum(share), 1) AS seconds,
       round(median(share), 3) AS median_s, round(max(share), 2) AS longest_s, round(sum(share) / sum(sum(share)) OVER (), 4) AS share
FROM shares
WHERE $scale::text IS NULL OR scale = $scale::text
GROUP BY arm, scale
ORDER BY sum(shares.share) DESC, arm, scale
LIMIT CASE WHEN $limit::int > 0 THEN $limit::int END
