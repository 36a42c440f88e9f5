import numpy
import pytest
import torch

from harness.compression import (
    Spectrum,
    energy_allocation,
    find_share,
    find_threshold,
    gaussian_spectra,
    normalized,
    report,
    threshold_allocation,
    value_spectra,
)
from harness.errors import MeasureError


def reference(values, k):
    """Ranks pruned, as adaptive_rank_pruning counts them: sum((s - min) / (max - min) < k)."""
    values = values.numpy()
    return int(sum((values - min(values)) / (max(values) - min(values)) < k))


def test_the_rule_by_hand():
    """Truth: 9, 5, 3, 1 normalises to 1, .5, .25, 0."""
    spectra = {"w": Spectrum(torch.tensor([9.0, 5.0, 3.0, 1.0], dtype=torch.float64), (6, 4))}
    assert normalized(spectra["w"].values).tolist() == [1.0, 0.5, 0.25, 0.0]
    kept = [threshold_allocation(spectra, k).kept["w"] for k in (0.0, 1e-9, 0.25, 0.26, 0.5, 0.51, 1.0)]
    assert kept == [4, 3, 3, 2, 2, 1, 1]


@pytest.mark.parametrize("k", [0.065, 0.175, 0.26])
def test_it_is_the_references_count(k, generator, planted, spiked):
    """Truth: the reference's formula in numpy, at its published thresholds, on three kinds of matrix."""
    weights = {"noise": torch.randn(40, 30, generator=generator), "low": planted(30, 50, 6), "spike": spiked(32, 32)}
    spectra = value_spectra(weights)
    allocation = threshold_allocation(spectra, k)
    for name, s in spectra.items():
        assert allocation.kept[name] == s.q - reference(s.values, k)


def test_equal_values_are_not_pruned():
    """Limit: 0 / 0; the reference compares nan < k and prunes nothing."""
    spectra = value_spectra({"w": torch.eye(5), "row": torch.ones(1, 5)})
    assert threshold_allocation(spectra, 0.9).kept == {"w": 5, "row": 1}


def test_a_planted_rank_is_found_by_both_rules(planted):
    """Plant: matrices of rank 4, 8 and 16 under noise of a hundredth."""
    spectra = value_spectra({str(r): planted(64, 48, r) for r in (4, 8, 16)})
    assert threshold_allocation(spectra, 0.175).kept == {"4": 4, "8": 8, "16": 16}
    assert energy_allocation(spectra, 0.999).kept == {"4": 4, "8": 8, "16": 16}


def test_one_spike_fools_the_threshold_and_not_the_energy(spiked, planted):
    """Trap: a Gaussian matrix with one value ten times its edge is no rank-1 matrix, but the rule says so."""
    spectra = value_spectra({"spike": spiked(96, 96), "low": planted(96, 96, 4)})
    by_rule, by_energy = threshold_allocation(spectra, 0.175), energy_allocation(spectra, 0.9)
    assert by_rule.kept == {"spike": 1, "low": 4}
    assert by_energy.kept["spike"] > 8 > by_energy.kept["low"]
    found = report(spectra, by_rule)
    assert found.error["spike"] > 0.4 > 0.05 > found.error["low"]
    assert found.energy90["spike"] == by_energy.kept["spike"]


@pytest.mark.parametrize("reduction", [0.1, 0.3, 0.5, 0.7])
def test_the_search_meets_the_budget(reduction, generator, planted):
    """Truth: the reduction at the found threshold, just below it, and by sorting all normalised values."""
    weights = {f"noise{i}": torch.randn(40 + 8 * i, 36, generator=generator) for i in range(4)} | {"low": planted(48, 48, 10)}
    spectra = value_spectra(weights)
    found = find_threshold(spectra, reduction)
    assert found.reduction == found.allocation.total_reduction == pytest.approx(reduction, abs=0.01)
    assert threshold_allocation(spectra, found.value).kept == found.allocation.kept
    assert threshold_allocation(spectra, found.value * (1 - 1e-9)).total_reduction < reduction <= found.reduction
    pooled = numpy.sort(torch.cat([normalized(s.values) for s in spectra.values()]).numpy())
    assert (pooled < found.value).sum() == numpy.ceil(reduction * len(pooled) - 1e-9)
    share = find_share(spectra, reduction)
    assert share.reduction == pytest.approx(reduction, abs=0.01)
    assert energy_allocation(spectra, share.value).kept == share.allocation.kept


def test_the_rule_takes_from_planted_matrices_and_leaves_noise(planted, generator):
    """Plant: at half of all ranks four low-rank matrices give theirs, four Gaussian ones keep most."""
    low = {f"low{i}": planted(48, 48, 5) for i in range(4)}
    noise = {f"noise{i}": torch.randn(48, 48, generator=generator) for i in range(4)}
    found = find_threshold(value_spectra(low | noise), 0.5)
    assert min(found.allocation.reduction[name] for name in low) > 0.8
    assert max(found.allocation.reduction[name] for name in noise) < 0.25


def test_gaussian_matrices_of_one_shape_are_treated_alike(generator, planted):
    """Limit: the spread of reductions of noise is its sampling; that of planted ones is far above."""
    like = value_spectra({str(i): planted(40, 40, 2 + 4 * i) for i in range(6)})
    null = threshold_allocation(gaussian_spectra(like, generator), 0.175)
    assert null.non_uniformity < 0.2
    assert threshold_allocation(like, 0.175).non_uniformity > 2 * null.non_uniformity


def test_what_cannot_be_reached_is_refused(generator):
    spectra = value_spectra({"w": torch.randn(10, 8, generator=generator)})
    with pytest.raises(MeasureError, match="a threshold of 1.5 on values between 0 and 1"):
        threshold_allocation(spectra, 1.5)
    with pytest.raises(MeasureError, match="a share of 1.0 of the energy"):
        energy_allocation(spectra, 1.0)
    with pytest.raises(MeasureError, match="a reduction of 1.0 of all ranks"):
        find_threshold(spectra, 1.0)
    with pytest.raises(MeasureError, match="no threshold takes 0.95 of the ranks: at most 0.875, as every matrix keeps one"):
        find_threshold(spectra, 0.95)
    coarse = {"w": Spectrum(torch.tensor([2.0, 1.5, 1.5, 1.5, 1.0], dtype=torch.float64), (5, 5))}
    with pytest.raises(
        MeasureError, match="no threshold takes 0.4 of the ranks: the nearest takes 0.8, as equal singular values fall together"
    ):
        find_threshold(coarse, 0.4)
