"""The verdict of a diff, from rows written by hand."""

from harness.report.diff_verdict import verdict, word


def test_the_verdict_follows_the_energy_beside_its_null(diff_rows):
    assert verdict(diff_rows(enrichment_uv=(1.01, 1.0, 0.02))).startswith("RANDOM")
    own = verdict(diff_rows(enrichment_uv=(9.0, 1.0, 0.02), enrichment_haar=(9.0, 1.0, 0.1)))
    assert own.startswith("PRINCIPAL: 9.00 times the energy") and "more than random frames" in own
    assert "its own spectrum have as much" in verdict(diff_rows(enrichment_uv=(9.0, 1.0, 0.02), enrichment_haar=(9.0, 8.0, 3.0)))
    assert verdict(diff_rows(enrichment_uv=(0.2, 1.0, 0.02))).startswith("OFF-PRINCIPAL")
    assert verdict(diff_rows(enrichment_uv=(1.0, 1.0, 0.02), stable_rank=(2.0, 40.0, 1.0))).startswith("STRUCTURED: stable_rank")
    assert verdict(diff_rows(kappa=2.0)).startswith("UNKNOWN")


def test_what_needs_no_training_comes_first(diff_rows):
    enriched = dict(enrichment_uv=(9.0, 1.0, 0.02))
    assert verdict(diff_rows(equal=1.0, **enriched)).startswith("EQUAL")
    assert verdict(diff_rows(rounding=1.0, **enriched)).startswith("ROUNDING")
    assert verdict(diff_rows(relative_norm=1.3, **enriched)).startswith("STRANGER")
    assert verdict(diff_rows(norm={"value": None, "status": "nonfinite"}, **enriched)).startswith("DAMAGED")


def test_a_value_within_three_errors_or_a_quarter_is_not_beyond_noise(diff_rows):
    for inside in ((1.2, 1.0, 0.001), (2.0, 1.0, 0.9)):
        assert verdict(diff_rows(enrichment_uv=inside)).startswith("RANDOM")


def test_many_matrices_tell_what_one_cannot(diff_rows):
    """Twice the noise at a deviation of .9: within three errors on 4 matrices, far beyond on 100."""
    assert verdict(diff_rows(4, enrichment_uv=(2.0, 1.0, 0.9))).startswith("RANDOM")
    assert verdict(diff_rows(100, enrichment_uv=(2.0, 1.0, 0.9))).startswith("PRINCIPAL")


def test_matrices_that_did_not_move_make_no_stranger_a_relative(diff_rows):
    rows = diff_rows(6, relative_norm=1.3, enrichment_uv=(9.0, 1.0, 0.02))
    for row in rows:
        if row["metric"] == "relative_norm" and row["layer"] < 4:
            row["value"] = 0.0
    assert verdict(rows).startswith("STRANGER: the difference is 1.30")


def test_the_word_alone_is_a_dash_where_nothing_is_known(diff_rows):
    assert word(diff_rows(kappa=2.0)) == "-" and word(diff_rows(equal=1.0)) == "EQUAL"
