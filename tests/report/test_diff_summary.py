"""The screen of a diff, from rows written by hand."""

from harness.report.diff_summary import summary, verdict


def rows(count=4, **metrics):
    """Rows of `count` matrices; a metric is a value, or (value, mean, sd) with its null's draws."""
    made = []
    for i in range(count):
        whose = {"base": "/models/base", "tuned": "/runs/7/step.safetensors", "name": f"layers.{i}.mlp.up_proj", "layer": i}
        whose |= {"module": "mlp.up_proj", "base_dtype": "bfloat16", "tuned_dtype": "float32", "status": "ok"}
        for metric, given in ({"equal": 0.0, "rounding": 0.0, "relative_norm": 1e-3 * (i + 1)} | metrics).items():
            value, mean, sd = given if isinstance(given, tuple) else (given, None, None)
            made.append(whose | {"metric": metric, "value": value, "null_mean": mean, "null_sd": sd})
    return made


def test_the_verdict_follows_the_energy_beside_its_null():
    assert verdict(rows(enrichment_uv=(1.01, 1.0, 0.02))).startswith("RANDOM")
    assert verdict(rows(enrichment_uv=(9.0, 1.0, 0.02), enrichment_haar=(9.0, 1.0, 0.1))).startswith("PRINCIPAL: 9.00 times the energy")
    assert "its own spectrum have as much" in verdict(rows(enrichment_uv=(9.0, 1.0, 0.02), enrichment_haar=(9.0, 8.0, 3.0)))
    assert verdict(rows(enrichment_uv=(0.2, 1.0, 0.02))).startswith("OFF-PRINCIPAL")
    assert verdict(rows(enrichment_uv=(1.0, 1.0, 0.02), stable_rank=(2.0, 40.0, 1.0))).startswith("STRUCTURED: stable_rank")
    assert verdict(rows(kappa=2.0)).startswith("UNKNOWN")


def test_what_needs_no_training_comes_first():
    enriched = dict(enrichment_uv=(9.0, 1.0, 0.02))
    assert verdict(rows(equal=1.0, **enriched)).startswith("EQUAL")
    assert verdict(rows(rounding=1.0, **enriched)).startswith("ROUNDING")
    assert verdict(rows(relative_norm=1.3, **enriched)).startswith("STRANGER")
    damaged = rows(norm=None, **enriched)
    for row in damaged[:8]:
        row["status"] = "nonfinite"
    assert verdict(damaged).startswith("DAMAGED")


def test_a_value_within_three_errors_or_a_quarter_is_not_beyond_noise():
    for inside in ((1.2, 1.0, 0.001), (2.0, 1.0, 0.7)):
        assert verdict(rows(enrichment_uv=inside)).startswith("RANDOM")


def test_many_matrices_tell_what_one_cannot():
    """Twice the noise at a deviation of .7: within three errors on 4 matrices, far beyond on 100."""
    assert verdict(rows(4, enrichment_uv=(2.0, 1.0, 0.7))).startswith("RANDOM")
    assert verdict(rows(100, enrichment_uv=(2.0, 1.0, 0.7))).startswith("PRINCIPAL")


def test_the_screen_fits_its_width_and_maps_the_layers():
    text = summary(rows(6, kappa=(1.1, 1.0, 0.1), enrichment_uv=(1.0, 1.0, 0.1)), width=72)
    assert max(map(len, text.splitlines())) <= 72
    assert text.startswith("base -> 7/step.safetensors: bfloat16 against float32, 6 matrices")
    [shades] = [line for line in text.splitlines() if line.startswith("  mlp.up_proj")]
    assert shades.split()[-1][0] == "." and shades.split()[-1][-1] == "@" and len(shades.split()[-1]) == 6


def test_one_matrix_and_no_unmatched_names_are_enough():
    assert "1 matrices" in summary(rows(1))
