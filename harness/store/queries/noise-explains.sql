-- Which claims does noise explain?
--
-- Claims that hold, and that an update without the learning signal (the null) meets as well: the evidence is for the noise. With
-- the null's interval beside the claim's. All columns: harness query explained_by_noise.
-- empty: no claim of this store is met by its null
SELECT claim_id, scale, bound, round(estimate, 4) AS estimate, round(ci_low, 4) AS low, round(ci_high, 4) AS high, null_name,
       round(null_estimate, 4) AS null_estimate, round(null_low, 4) AS null_low, round(null_high, 4) AS null_high, n
FROM explained_by_noise
ORDER BY claim_id, scale
