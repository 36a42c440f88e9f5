"""Two workers give the verdicts of one process, and a killed worker loses only what it was measuring."""

BODY = """
@claim("rises", h.above(0.5))
def test_rises(rng, shift=1.0):
    return noisy(rng, shift)


@claim("falls", h.below(0.5), expect="refuted", plant=h.variant(shift=-2.0), null=h.variant(shift=3.0))
def test_falls(rng, shift=1.0):
    return noisy(rng, shift)


@claim("straddles", h.above(0.005), expect="open", null=h.variant(shift=-1.0))
def test_straddles(rng, shift=0.0):
    return noisy(rng, shift)


@claim("is-one", h.exact(1), null=h.variant(shift=3), plant=h.variant(shift=1))
def test_is_one(shift=1):
    return shift
"""

VERDICTS = "SELECT * EXCLUDE (run_id) FROM verdicts ORDER BY claim_id"
VALUES = "SELECT claim_id, role, control, seed, value FROM measurements ORDER BY ALL"


def test_two_workers_equal_one_process(suite):
    stored = {}
    for workers in ("0", "2"):
        done = suite.write(BODY).run("-n", workers, "--claim-results", f"results-{workers}")
        assert done.returncode == 0, done.stdout
        suite.results = suite.folder / f"results-{workers}"
        stored[workers] = (suite.query(VERDICTS), suite.query(VALUES))
    assert stored["0"] == stored["2"]
    assert len(stored["0"][0]) == 4


def test_a_killed_worker_loses_only_its_own_claim(suite):
    body = BODY + """
@claim("dies", h.above(0.5))
def test_dies(rng, shift=1.0):
    import os
    os._exit(3)
"""
    done = suite.write(body).run("-n", "2")
    assert done.returncode == 1
    assert {row["claim_id"] for row in suite.query("SELECT claim_id FROM verdicts")} == {
        "toy/falls", "toy/is-one", "toy/rises", "toy/straddles",
    }  # fmt: skip
