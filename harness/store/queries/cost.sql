-- What does each verdict cost?
--
-- Seconds of one process to measure what the latest verdict rests on, dearest first: the claim's own replicates, its nulls, plants
-- and noise floor, and a seed of all of them. share: of all measuring behind the latest verdicts. Training is not in it: a trained
-- run is shared by claims; `harness query "select run_id, trained, training_s, measuring_s from runs"` has it by session.
-- option limit int = 20: rows at most; 0 for all
-- empty: no verdict has measurements in this store
SELECT v.claim_id, v.scale, v.verdict, round(sum(m.duration_s), 1) AS seconds,
       round(sum(m.duration_s) FILTER (m.role = 'claim'), 1) AS claim_s, round(sum(m.duration_s) FILTER (m.role = 'null'), 1) AS null_s,
       round(sum(m.duration_s) FILTER (m.role = 'plant'), 1) AS plant_s, round(sum(m.duration_s) FILTER (m.role = 'floor'), 1) AS floor_s,
       count(DISTINCT m.seed) AS seeds, round(sum(m.duration_s) / count(DISTINCT m.seed), 2) AS seconds_a_seed,
       round(sum(m.duration_s) / sum(sum(m.duration_s)) OVER (), 4) AS share
FROM latest_verdict AS v
JOIN measurements AS m ON m.run_id = v.measured_in AND m.claim_id = v.claim_id AND m.scale = v.scale
GROUP BY v.claim_id, v.scale, v.verdict
ORDER BY sum(m.duration_s) DESC NULLS LAST, v.claim_id, v.scale
LIMIT CASE WHEN $limit::int > 0 THEN $limit::int END
