import pytest
import torch

from harness.errors import MeasureError
from harness.nulls import gated_jaccard, isotropic
from harness.spectra import Change, change_density, changed_masks, consensus, jaccard, jaccard_baseline


def moved(change: Change) -> set[int]:
    return set(changed_masks(change)["w"].flatten().nonzero().flatten().tolist())


def masked(shape: tuple[int, int], mask: torch.Tensor) -> Change:
    """Weights of one, doubled where the mask says so."""
    return Change({"w": torch.ones(shape)}, {"w": mask.double()})


def test_it_counts_sets(noisy, generator):
    """Truth: Python's sets."""
    a = noisy(40, 30, 1e-3)
    b = isotropic(a, generator)
    first, second = moved(a), moved(b)
    assert jaccard(a, b)["w"] == len(first & second) / len(first | second)
    assert jaccard(a, a)["w"] == 1.0


@pytest.mark.parametrize("p, q", [(0.1, 0.1), (0.5, 0.5), (0.2, 0.9)])
def test_independent_masks_meet_at_the_baseline(p, q, generator):
    """Limit: coins of two densities; the intersection's relative error is 1 / sqrt(pq N) at most, five of them."""
    shape = (300, 200)
    a, b = (masked(shape, torch.rand(shape, generator=generator) < share) for share in (p, q))
    baseline = jaccard_baseline(a, b)["w"]
    assert baseline == pytest.approx(p * q / (p + q - p * q), rel=0.1)
    assert jaccard(a, b)["w"] == pytest.approx(baseline, rel=5 / (p * q * 60_000) ** 0.5)


@pytest.mark.parametrize("relative, gated, coins", [(3e-4, 0.419, 0.037), (1e-3, 0.433, 0.126), (1e-2, 0.735, 0.704)])
def test_noise_gated_by_the_same_weights_agrees_far_beyond_the_baseline(relative, gated, coins, noisy, generator):
    """Limit: figures measured before on another draw of 512 x 512 Gaussian weights. The share's error there and here:
    sqrt(J (1 - J) / union) each, five of the difference, plus half a printed digit."""
    change = noisy(512, 512, relative, on_grid=True)
    union = change_density(change)["w"] * 512**2
    error = 5 * (2 * gated * (1 - gated) / union) ** 0.5 + 5e-4
    assert gated_jaccard(change, change, generator)["w"] == pytest.approx(gated, abs=error)
    assert jaccard(change, isotropic(change, generator))["w"] == pytest.approx(gated, abs=error)
    assert jaccard_baseline(change, isotropic(change, generator))["w"] == pytest.approx(coins, abs=error)


def test_a_consensus_counts_runs_per_entry():
    """Truth: three masks over four entries, changed 0, 1, 2 and 3 times."""
    masks = [torch.tensor([[0, 1, 1, 1]]), torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 0, 0, 1]])]
    agreed = consensus([masked((1, 4), mask) for mask in masks])
    assert [share["w"] for share in agreed.histogram] == [0.25] * 4
    assert agreed.mean["w"] == 0.5


def test_independent_runs_agree_like_coins(generator):
    """Limit: the histogram of three coins of density .3; five standard errors of 40000 entries."""
    shape = (200, 200)
    agreed = consensus([masked(shape, torch.rand(shape, generator=generator) < 0.3) for _ in range(3)])
    binomial = [0.7**3, 3 * 0.3 * 0.7**2, 3 * 0.3**2 * 0.7, 0.3**3]
    for share, chance in zip(agreed.histogram, binomial, strict=True):
        assert share["w"] == pytest.approx(chance, abs=5 * (chance * (1 - chance) / 40_000) ** 0.5)


def test_what_is_undefined_is_refused(noisy):
    still, other = noisy(8, 8, 1e-9), noisy(8, 6, 1.0)
    for measure in (jaccard, jaccard_baseline):
        with pytest.raises(MeasureError, match="no entry of w changes in bf16 in either run"):
            measure(still, still)
        with pytest.raises(MeasureError, match="w is not the same matrix in both runs"):
            measure(still, other)
    with pytest.raises(MeasureError, match="two runs or more, not 1"):
        consensus([still])
    with pytest.raises(MeasureError, match="w is not the same matrix"):
        consensus([still, other])
