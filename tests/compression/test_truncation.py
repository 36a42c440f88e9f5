import pytest
import torch

from harness.compression import energy_allocation, factorize, report, threshold_allocation, truncated, value_spectra
from harness.errors import MeasureError
from harness.spectra import energy_rank, matrix_rank


@pytest.fixture
def weights(generator, planted):
    return {
        "tall": torch.randn(30, 20, generator=generator),
        "wide": planted(16, 40, 5).float(),
        "square": torch.randn(18, 18, generator=generator),
    }


def test_errors_from_values_are_those_of_the_matrices(weights):
    """Truth: Eckart-Young against the truncated matrices themselves."""
    spectra = value_spectra(weights)
    allocation = energy_allocation(spectra, 0.8)
    found, change = report(spectra, allocation), truncated(weights, allocation)
    relative = change.relative_norm()
    total = sum(change.norm()[name] ** 2 for name in weights) / sum(w.double().square().sum().item() for w in weights.values())
    for name, w in weights.items():
        assert found.error[name] == pytest.approx(relative[name], rel=1e-9)
        spectral = torch.linalg.matrix_norm(change.update[name], 2) / torch.linalg.matrix_norm(w.double(), 2)
        assert found.worst[name] == pytest.approx(spectral.item(), rel=1e-9)
        rank = torch.linalg.matrix_rank(w.double() + change.update[name])
        assert rank == allocation.kept[name] == found.kept[name]
        assert found.error[name] < 0.2**0.5
    assert found.total_error == pytest.approx(total**0.5, rel=1e-9)
    assert found.parameters == allocation.parameters / allocation.dense_parameters


def test_energy90_is_the_rank_that_an_update_would_read(weights, generator):
    """Truth: the measure of a Change."""
    spectra = value_spectra(weights)
    truth = energy_rank(truncated(weights, threshold_allocation(spectra, 0.3)), 0.9)
    assert truth["tall"] < 20
    found = report(spectra, threshold_allocation(spectra, 0.3)).energy90
    for name, w in weights.items():
        s = torch.linalg.svdvals(w.double()).square().cumsum(0)
        assert found[name] == int((s < 0.9 * s[-1]).sum()) + 1


def test_no_factors_of_that_rank_come_closer(weights, generator):
    """Limit: random rank-r subspaces, and the factors moved a little, are further away."""
    w = weights["square"].double()
    up, down = factorize(w, 6)
    best = (w - up @ down).norm()
    assert (up.shape, down.shape) == ((18, 6), (6, 18))
    torch.testing.assert_close(up.T @ up, down @ down.T, rtol=0, atol=1e-12)  # both hold the root of the singular values
    for _ in range(5):
        q = torch.linalg.qr(torch.randn(18, 6, generator=generator, dtype=torch.float64)).Q
        assert (w - q @ (q.T @ w)).norm() > best
        assert (w - (up + 0.01 * torch.randn(18, 6, generator=generator)) @ down).norm() > best


def test_full_rank_changes_nothing(weights):
    spectra = value_spectra(weights)
    allocation = threshold_allocation(spectra, 0.0)
    change = truncated(weights, allocation)
    assert all(d.abs().max() == 0.0 for d in change.update.values())
    found = report(spectra, allocation)
    assert found.total_error == found.total_reduction == 0.0
    assert found.parameters == 1.0
    assert all(value == 0.0 for value in found.worst.values())


def test_the_error_of_a_truncation_is_full_rank_of_the_rest(weights):
    """The Change is one that measures read: its rank is what was taken."""
    allocation = threshold_allocation(value_spectra(weights), 0.5)
    ranks = matrix_rank(truncated(weights, allocation))
    assert {name: int(rank) for name, rank in ranks.items()} == {
        name: min(w.shape) - allocation.kept[name] for name, w in weights.items()
    }


def test_what_cannot_be_truncated_is_refused(weights):
    spectra = value_spectra(weights)
    allocation = energy_allocation(spectra)
    with pytest.raises(MeasureError, match="k = 19 leading directions of a matrix that has 18"):
        factorize(weights["square"], 19)
    with pytest.raises(MeasureError, match="the weight of w is zero: its factors cannot be read"):
        factorize(torch.zeros(3, 3), 1, "w")
    with pytest.raises(MeasureError, match="is on one side only: truncate the matrices that were allocated"):
        truncated({"tall": weights["tall"]}, allocation)
    with pytest.raises(MeasureError, match="is on one side only: allocate a rank to every matrix"):
        report({"tall": spectra["tall"]}, allocation)
