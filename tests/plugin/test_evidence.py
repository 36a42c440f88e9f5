"""--claim-mode evidence: fresh seeds every session, in every process alike, judged with those of the sessions before."""

from pytest import mark

BODY = """
@claim("rises", h.above(0.5))
def test_rises(rng, shift=1.0):
    return noisy(rng, shift)


@claim("is-one", h.exact(1), null=h.variant(shift=3), plant=h.variant(shift=1))
def test_is_one(shift=1):
    return shift
"""
SEEDS = "SELECT list(DISTINCT seed ORDER BY seed) AS seeds FROM measurements JOIN runs USING (run_id) GROUP BY run_id ORDER BY min(started)"
VERDICTS = "SELECT n, method, verdict, judged FROM standing WHERE claim_id = '{}' ORDER BY measured_at, measured_in"


def test_sessions_add_up_also_under_xdist_and_are_never_mixed_with_regression(suite):
    suite.write(BODY).run()
    first = suite.run("--claim-mode", "evidence")
    assert first.returncode == 0 and "claims: evidence, seeds 10000 to 10004, with those of 0 earlier sessions" in first.stdout
    assert "new" in first.stdout and "from latest_evidence" in first.stdout
    second = suite.run("--claim-mode", "evidence", "--claim-seeds", "3", "-n", "2")
    assert second.returncode == 0 and "seeds 10005 to 10007, with those of 1 earlier session\n" in second.stdout
    assert [row["seeds"] for row in suite.query(SEEDS)] == [[*range(5)], [*range(10_000, 10_005)], [*range(10_005, 10_008)]]
    rises = [(row["n"], row["method"], row["judged"]) for row in suite.query(VERDICTS.format("toy/rises"))]
    assert rises == [(5, "t", "regression"), (5, "sequence", "evidence"), (8, "sequence", "evidence")]
    assert [row["n"] for row in suite.query(VERDICTS.format("toy/is-one"))] == [5, 5, 3]
    assert suite.query("FROM flips") == []
    refused = suite.run("--claim-mode", "evidence", "--claim-seed-base", "10006")
    assert refused.returncode == 4 and "seed 10006 has been evidence before" in refused.stdout + refused.stderr


@mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--claim-mode", "sometimes"), "choose one of regression, evidence"),
        (("--claim-mode", "evidence", "--claim-seed-base", "0"), "drawn from seed 10000 on"),
        (("--claim-mode", "evidence", "--claim-model", "model"), "--claim-model brings weights that are what they are"),
    ],
    ids=["mode", "seed-base", "model"],
)
def test_what_makes_no_evidence_is_refused_in_one_sentence(suite, arguments, sentence):
    (suite.folder / "model").mkdir()
    done = suite.write(BODY).run(*arguments)
    text = done.stdout + done.stderr
    assert done.returncode == 4 and sentence in text and "Traceback" not in text and "INTERNALERROR" not in text


def test_a_damaged_store_is_told_before_anything_is_measured(suite):
    """In evidence mode the store is read to draw seeds, before collection."""
    (suite.results / "runs" / "2026-11").mkdir(parents=True)
    (suite.results / "runs" / "2026-11" / "20261101T000000Z-aaaaaaa-0000.parquet").write_bytes(b"PAR1")
    text = suite.folder / "pyproject.toml"
    text.write_text(text.read_text() + 'claim_mode = "evidence"\n')
    done = suite.write(BODY).run()
    assert done.returncode == 4 and "is truncated" in done.stdout + done.stderr
