-- What would settle the inconclusive claims?
--
-- Why each is inconclusive, what is missing, and what that costs: more_seeds beside those that were judged, and the seconds
-- of one process that they take, at what a seed took to measure (its controls with it, training not: `pytest --claim-plan` tells that).
-- Cheapest first; then those that no number of seeds settles. Claims that are no longer in the suites are listed too: the store
-- does not know.
-- empty: no claim of this store is inconclusive
WITH cost AS (
  SELECT run_id, claim_id, scale, sum(duration_s) / count(DISTINCT seed) AS seconds
  FROM measurements GROUP BY ALL)
SELECT v.claim_id, v.scale, v.reason, v.n, CASE WHEN v.n_to_settle > v.n THEN v.n_to_settle - v.n END AS more_seeds,
       round(more_seeds * cost.seconds, 1) AS seconds,
       CASE v.reason
         WHEN 'straddles' THEN coalesce('seeds: --claim-seeds ' || v.n_to_settle, 'a measure that varies less: it is too near to its bound for seeds')
         WHEN 'n too small' THEN coalesce('seeds: --claim-seeds ' || v.n_to_settle, 'more seeds: ' || v.detail)
         WHEN 'null explains it' THEN 'a sharper measure or bound: ' || coalesce(v.null_name, 'the null') || ' meets this one'
         WHEN 'below noise floor' THEN 'a larger effect: two runs that differ in data order alone are as far apart'
         WHEN 'control failed' THEN 'the control: ' || coalesce(v.detail, 'it did not come out as it must')
         WHEN 'unmatched' THEN 'arms that can be matched: ' || coalesce(v.detail, '')
         WHEN 'a case' THEN 'a second checkpoint of each arm (--claim-tuned ARM=SECOND)'
         WHEN 'non-finite' THEN 'a measure that is finite on every seed: ' || coalesce(v.detail, '')
         ELSE v.detail
       END AS settled_by
FROM latest_verdict AS v
LEFT JOIN cost ON cost.run_id = v.measured_in AND cost.claim_id = v.claim_id AND cost.scale = v.scale
WHERE v.verdict = 'inconclusive'
ORDER BY more_seeds IS NULL, seconds NULLS LAST, more_seeds, v.reason, v.claim_id, v.scale
