-- Which verdicts depend on scale?
--
-- Claims judged at two scales or more whose latest verdicts differ. kind: "opposite" (supported at one scale, refuted at another),
-- or "undecided" (inconclusive at one, which may be for want of seeds alone). intervals: "apart" where those of two scales do not
-- meet, so that the number itself differs, else "meet"; a metric of the same name may still be on matrices of another size.
-- empty: no claim has different verdicts at two scales
WITH judged AS (FROM latest_verdict WHERE scale <> 'own'),
apart AS (
  SELECT DISTINCT a.claim_id
  FROM judged AS a JOIN judged AS b ON a.claim_id = b.claim_id AND a.scale <> b.scale AND a.ci_high < b.ci_low)
SELECT claim_id,
       CASE WHEN bool_or(verdict = 'supported') AND bool_or(verdict = 'refuted') THEN 'opposite' ELSE 'undecided' END AS kind,
       string_agg(scale || ' ' || verdict || CASE WHEN reason <> '' THEN ' (' || reason || ')' ELSE '' END, ', ' ORDER BY scale DESC) AS verdicts,
       string_agg(coalesce(printf('%.4g', estimate), '-'), ', ' ORDER BY scale DESC) AS estimates, any_value(bound) AS bound,
       CASE WHEN count(ci_low) < 2 THEN NULL WHEN claim_id IN (FROM apart) THEN 'apart' ELSE 'meet' END AS intervals
FROM judged
GROUP BY claim_id
HAVING count(DISTINCT verdict) > 1
ORDER BY kind, claim_id
