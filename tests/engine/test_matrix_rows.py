"""Rows of one matrix: chance and null beside each value, and a reason where there is no value."""

import numpy as np
import pytest
import torch
from harness.engine.matrix_rows import HISTOGRAM, MatrixReader, explained_by_rounding, matrix_rows


COMPARED = {
    *("nss", "kappa", "rho", "angle", "enrichment_uv", "enrichment_u", "enrichment_v", "overlap_principal", "overlap_low"),
    *("bf16_density", "ulp_median", *HISTOGRAM, "row_stripes", "column_stripes", "stable_rank", "entropy_rank", "energy_rank"),
}


@pytest.fixture
def w0():
    return 0.02 * torch.randn(48, 32, generator=torch.Generator().manual_seed(0))


def noisy(w0, relative, seed=1):
    d = torch.randn(w0.shape, generator=torch.Generator().manual_seed(seed))
    return w0 + relative * d * w0.norm() / d.norm()


def by_metric(*args, **given):
    return {row["metric"]: row for row in matrix_rows(*args, **given)}


def test_values_are_those_of_numpy(w0):
    w1 = noisy(w0, 1e-2)
    rows = by_metric(w0, w1)
    before, after = (np.linalg.svd(w.double().numpy(), compute_uv=False) for w in (w0, w1))
    d = (w1.double() - w0.double()).numpy()
    assert rows["norm"]["value"] == pytest.approx(np.linalg.norm(d), rel=1e-9)
    assert rows["relative_norm"]["value"] == pytest.approx(1e-2, rel=1e-4)
    assert rows["kappa"]["value"] == pytest.approx(48 * ((after - before) ** 2).sum() / (d**2).sum(), rel=1e-6)
    assert rows["rho"]["chance"] == pytest.approx(48**-0.5)
    u, _, vt = np.linalg.svd(w0.double().numpy())
    share = (u[:, :2].T @ d @ vt[:2].T) ** 2
    assert rows["enrichment_uv"]["value"] == pytest.approx(share.sum() / (d**2).sum() / (2 * 2 / (48 * 32)), rel=1e-6)


def test_noise_reads_as_its_null_does(w0):
    rows = by_metric(w0, noisy(w0, 1e-2), draws=12)
    compared = [row for row in rows.values() if row.get("null_name") == "isotropic"]
    assert {row["metric"] for row in compared} >= COMPARED
    for row in compared:
        assert row["null_draws"] == 12
        assert abs(row["value"] - row["null_mean"]) <= 5 * row["null_sd"] + 1e-9, row["metric"]


def test_a_pair_stored_in_16_bits_is_compared_with_noise_that_was_rounded_too(w0):
    rows = by_metric(w0.bfloat16(), noisy(w0.bfloat16().float(), 1e-3).bfloat16())
    assert rows["kappa"]["null_name"] == "rounded_isotropic"
    assert rows["bf16_density"]["value"] < 0.5
    # Its norm is matched as the pair shows it: density and NSS, which grow with the norm, are then noise's too.
    for metric in ("bf16_density", "nss"):
        assert rows[metric]["value"] == pytest.approx(rows[metric]["null_mean"], rel=0.15), metric


def test_a_second_update_of_the_same_base_reads_as_it_would_alone(w0):
    reader = MatrixReader(w0, seed=5)
    updates = [noisy(w0, 1e-2), noisy(w0, 3e-2, seed=2)]
    together = [[(row["metric"], row["value"], row.get("null_mean")) for row in reader.rows(w1, draws=2)] for w1 in updates]
    alone = [[(row["metric"], row["value"], row.get("null_mean")) for row in matrix_rows(w0, w1, draws=2, seed=5)] for w1 in updates]
    assert together == alone


def test_a_planted_principal_update_is_far_above_noise_and_random_frames(w0):
    u, s, vt = torch.linalg.svd(w0)
    rows = by_metric(w0, w0 + 0.05 * (u[:, :2] * s[:2]) @ vt[:2])
    assert rows["enrichment_uv"]["value"] == pytest.approx(48 * 32 / 4, rel=1e-3)
    assert rows["enrichment_haar"]["value"] > 20 * rows["enrichment_haar"]["null_mean"]
    assert rows["stable_rank"]["value"] < 2.01


def test_random_frames_have_the_law_of_the_same_spectrum_in_random_frames(w0):
    """enrichment_haar turns the frames about D; nulls.haar turns D: both have one mean, k^2 / mn, and one spread."""
    from harness import nulls
    from harness.spectra import Change, principal_enrichment

    d = torch.outer(torch.randn(48, generator=torch.Generator().manual_seed(8)), torch.ones(32)) * 1e-3
    draws = 200
    row = by_metric(w0, w0 + d, draws=draws)["enrichment_haar"]
    change, generator = Change.from_weights({"w": w0}, {"w": w0 + d}), torch.Generator().manual_seed(9)
    turned = [principal_enrichment(nulls.haar(change, generator), k=2)["w"] for _ in range(draws)]
    spread = torch.tensor(turned).std().item()
    assert row["null_mean"] == pytest.approx(sum(turned) / draws, abs=4 * spread * (2 / draws) ** 0.5)
    assert row["null_sd"] == pytest.approx(spread, rel=0.5)


def test_large_matrices_say_how_each_number_was_found(monkeypatch, w0):
    for module in ("harness.spectra.base_frame", "harness.engine.matrix_rows", "harness.spectra.krylov"):
        monkeypatch.setattr(f"{module}.DIRECT_LIMIT", 0)
    generator = torch.Generator().manual_seed(3)
    w0 = 0.02 * torch.randn(200, 160, generator=generator) + 3 * torch.outer(torch.randn(200, generator=generator) / 14, torch.randn(160, generator=generator) / 12)
    exact = by_metric(w0, noisy(w0, 1e-2))
    monkeypatch.undo()
    rows = by_metric(w0, noisy(w0, 1e-2), values="both")
    assert {rows[name]["route"] for name in ("nss", "kappa", "rho")} == {"exact"}
    assert {exact[name]["route"] for name in ("nss", "kappa", "rho")} == {"gram-fp64"}
    assert exact["stable_rank"]["route"] == "lanczos" and exact["stable_rank"]["bound"] >= 0
    assert exact["angle"]["route"] == "krylov"
    for name in ("nss", "angle", "stable_rank"):
        assert exact[name]["value"] == pytest.approx(rows[name]["value"], rel=0.02), name


def test_what_fp32_loses_is_measured_where_both_are_asked_for(monkeypatch):
    for module in ("harness.spectra.base_frame", "harness.spectra.krylov"):
        monkeypatch.setattr(f"{module}.DIRECT_LIMIT", 0)
    generator = torch.Generator().manual_seed(3)
    w0 = torch.randn(200, 120, generator=generator) * 0.02
    w0 += 3 * torch.outer(torch.randn(200, generator=generator) / 14, torch.randn(120, generator=generator) / 11)
    rows = by_metric(w0, noisy(w0, 1e-3), values="both")
    assert 0 < rows["fp32_error"]["value"] < 0.2
    assert "fp32_error" not in by_metric(w0, noisy(w0, 1e-3), values="fp32")


def test_directions_that_are_not_found_refuse_the_matrix_with_a_sentence(monkeypatch, w0):
    from harness.errors import MeasureError

    def lost(*args, **given):
        raise MeasureError("the 2 leading directions were not found")

    monkeypatch.setattr("harness.engine.matrix_rows.base_frame", lost)
    row = by_metric(w0, noisy(w0, 1e-2))["angle"]
    assert row["status"] == "refused" and row["value"] is None and "not found" in row["detail"]


def test_a_seed_repeats_and_no_draws_mean_no_null(w0):
    w1 = noisy(w0, 1e-2)
    first, again, other = (by_metric(w0, w1, seed=seed)["kappa"]["null_mean"] for seed in (3, 3, 4))
    assert first == again != other
    assert "null_mean" not in by_metric(w0, w1, draws=0)["kappa"]


def test_rounding_is_told_from_a_small_change(w0):
    assert explained_by_rounding(w0, w0.bfloat16()) and explained_by_rounding(w0.bfloat16(), w0)
    assert explained_by_rounding(w0, w0.bfloat16().float())
    assert not explained_by_rounding(w0, noisy(w0, 1e-6))
    assert not explained_by_rounding(w0.bfloat16(), noisy(w0, 1e-2).bfloat16())


@pytest.mark.parametrize(
    ("base", "tuned", "metric", "status"),
    [
        (torch.zeros(8, 8), torch.ones(8, 8), "relative_norm", "undefined"),
        (torch.ones(8, 8), torch.full((8, 8), float("nan")), "norm", "nonfinite"),
        (torch.full((8, 8), float("inf")), torch.ones(8, 8), "norm", "nonfinite"),
    ],
    ids=["zero base", "nan", "inf"],
)
def test_what_has_no_value_says_why(base, tuned, metric, status):
    row = by_metric(base, tuned)[metric]
    assert row["value"] is None and row["status"] == status and row["detail"]


@pytest.mark.parametrize("shape", [(1, 24), (24, 1)], ids=str)
def test_a_single_row_or_column_is_measured(shape):
    w0 = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    rows = by_metric(w0, noisy(w0, 1e-2))
    assert rows["relative_norm"]["value"] == pytest.approx(1e-2, rel=1e-4)
    assert all(row["status"] in ("ok", "undefined") for row in rows.values())


def test_the_same_weights_twice_are_equal_and_have_no_spectrum_to_compare(w0):
    rows = by_metric(w0, w0.clone())
    assert rows["equal"]["value"] == 1.0 and rows["relative_norm"]["value"] == 0.0 and "kappa" not in rows
