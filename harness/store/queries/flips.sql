-- Which verdicts changed?
--
-- One row a change against the session before that judged the same claim at the same scale in the same way, newest first. Where the
-- claim itself changed (another version or spec) spec_changed is true. All columns: harness query "from flips".
-- option since date =: only changes measured on that day (UTC) or later
-- empty: no verdict changed between two sessions of this store
SELECT claim_id, scale, previous_verdict, verdict, reason, round(previous_estimate, 6) AS previous_estimate,
       round(estimate, 6) AS estimate, spec_changed, strftime(measured_at, '%Y-%m-%d %H:%M') AS measured, run_id
FROM flips
WHERE $since::date IS NULL OR measured_at::date >= $since::date
ORDER BY measured_at DESC, claim_id, scale
