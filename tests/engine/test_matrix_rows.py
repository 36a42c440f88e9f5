"""Rows of one matrix: chance and null beside each value, and a reason where there is no value."""

import numpy as np
import pytest
import torch
from harness.engine.matrix_rows import explained_by_rounding, matrix_rows, measures


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
    for metric in measures():
        row = rows[metric]
        assert row["null_name"] == "isotropic" and row["null_draws"] == 12
        assert abs(row["value"] - row["null_mean"]) <= 5 * row["null_sd"] + 1e-9, metric


def test_a_pair_stored_in_16_bits_is_compared_with_noise_that_was_rounded_too(w0):
    rows = by_metric(w0.bfloat16(), noisy(w0.bfloat16().float(), 1e-3).bfloat16())
    assert rows["kappa"]["null_name"] == "gated_isotropic"
    assert rows["bf16_density"]["value"] < 0.5


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
