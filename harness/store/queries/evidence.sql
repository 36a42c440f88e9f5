-- What is behind a claim's verdict?
--
-- Every replicate of the claim and of its controls, at each scale, as its latest verdict was reached from them.
-- argument claim text: its id, such as path-not-taken/rlvr-learns
-- empty: no claim of that id was judged; harness query "select distinct claim_id from latest_verdict" lists them
FROM evidence($claim)
