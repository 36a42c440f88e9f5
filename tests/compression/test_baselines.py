import pytest
import torch

from harness.compression import (
    Allocation,
    energy_allocation,
    find_share,
    find_threshold,
    random_allocation,
    report,
    uniform_allocation,
    value_spectra,
)
from harness.errors import MeasureError


@pytest.fixture
def spectra(generator, planted):
    """Six matrices of three shapes, three of them of low rank."""
    weights = {"q0": planted(40, 40, 4), "q1": torch.randn(40, 40, generator=generator), "up0": planted(96, 40, 6)}
    weights |= {
        "up1": torch.randn(96, 40, generator=generator),
        "down0": planted(30, 96, 3),
        "down1": torch.randn(30, 96, generator=generator),
    }
    return value_spectra({name: w / w.norm() for name, w in weights.items()})


@pytest.mark.parametrize("reduction", [0.11, 0.4, 0.53, 0.8])
def test_budgets_are_kept(reduction, spectra, generator):
    """Truth: the sum of ranks exactly; the sum of parameters to less than the dearest rank, from below."""
    welore = find_threshold(spectra, reduction, tolerance=0.02).allocation
    for baseline in (uniform_allocation, lambda like, budget="rank": random_allocation(like, generator, budget)):
        assert sum(baseline(welore).kept.values()) == sum(welore.kept.values())
        cost = {name: sum(shape) for name, shape in welore.shapes.items()}
        spent, allowed = (
            sum(r * cost[name] for name, r in a.kept.items()) for a in (baseline(welore, budget="parameters"), welore)
        )
        assert allowed - max(cost.values()) < spent <= allowed
        assert all(1 <= r <= q for r, q in zip(baseline(welore).kept.values(), welore.full.values(), strict=True))


def test_uniform_is_uniform(spectra):
    """Truth: ratios differ by the rounding to whole ranks alone."""
    uniform = uniform_allocation(find_threshold(spectra, 0.5).allocation)
    ratios = list(uniform.reduction.values())
    assert max(ratios) - min(ratios) <= 1 / 30 + 1 / 40
    assert uniform.total_reduction == pytest.approx(0.5, abs=0.01)


def test_a_random_deal_is_as_uneven_and_repeats(spectra):
    welore = find_threshold(spectra, 0.5).allocation
    deals = [random_allocation(welore, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1, 2, 3)]
    assert deals[0].kept == deals[1].kept
    assert len({tuple(each.kept.values()) for each in deals[1:]}) > 1
    for each in deals:
        assert each.non_uniformity == pytest.approx(welore.non_uniformity, rel=0.35)


def test_equal_matrices_deal_exactly(generator):
    """Limit: of one shape, a deal is a permutation of the ranks."""
    spectra = value_spectra({str(i): torch.randn(12, 10, generator=generator) for i in range(5)})
    like = Allocation.of({"0": 1, "1": 3, "2": 5, "3": 7, "4": 10}, spectra)
    assert sorted(random_allocation(like, generator).kept.values()) == [1, 3, 5, 7, 10]


def test_on_a_plant_the_rules_beat_both_baselines(spectra, generator):
    """Plant: with the low-rank matrices known, the same number of ranks loses less; by energy no more than by threshold."""
    welore, energy = find_threshold(spectra, 0.5).allocation, find_share(spectra, 0.5).allocation
    lost = report(spectra, welore).total_error
    assert report(spectra, energy).total_error <= lost + 0.02
    assert lost < 0.6 * report(spectra, uniform_allocation(welore)).total_error
    assert all(lost < report(spectra, random_allocation(welore, generator)).total_error for _ in range(10))


def test_on_noise_there_is_nothing_to_know(generator):
    """Limit: Gaussian matrices of one shape and norm: the rule loses what the uniform allocation loses, to 2 %."""
    spectra = value_spectra({str(i): torch.randn(48, 48, generator=generator) for i in range(6)})
    welore = find_threshold(spectra, 0.5).allocation
    uniform = report(spectra, uniform_allocation(welore)).total_error
    assert report(spectra, welore).total_error == pytest.approx(uniform, rel=0.02)


def test_an_unknown_budget_is_refused(spectra):
    with pytest.raises(MeasureError, match="unknown budget 'bytes': use 'rank' or 'parameters'"):
        uniform_allocation(energy_allocation(spectra), "bytes")
