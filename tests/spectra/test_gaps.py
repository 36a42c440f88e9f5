import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import gapped_k
from harness.spectra.gaps import relative_gap


def by_looking(values: list[float], k: int) -> int:
    window = [j for j in range(1, len(values)) if k <= 2 * j and j <= 2 * k]
    return max(window, key=lambda j: values[j - 1] / values[j])


@pytest.mark.parametrize("k", [1, 2, 5, 8, 15, 19])
def test_it_is_the_best_cut_within_a_factor_of_two(k, generator):
    """Truth: every cut tried."""
    values = torch.rand(20, generator=generator, dtype=torch.float64).sort(descending=True).values + 0.01
    assert gapped_k(values, k) == by_looking(values.tolist(), k)


def test_a_planted_gap_is_found_from_wherever_it_can_be_seen():
    values = torch.tensor([5.0] * 6 + [1.0] * 26, dtype=torch.float64) - torch.arange(32) * 1e-3
    assert {k: gapped_k(values, k) for k in (3, 4, 6, 12)} == dict.fromkeys((3, 4, 6, 12), 6)
    assert gapped_k(values, 2) != 6 != gapped_k(values, 13)
    assert gapped_k(values) == gapped_k(values, 4)
    assert relative_gap(values, 6) == pytest.approx(4.995 / 0.994)


def test_edges():
    """A rank-deficient base has an infinite gap at its rank; a single direction is all there is."""
    deficient = torch.tensor([3.0, 2.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    assert gapped_k(deficient, 2) == gapped_k(deficient, 4) == 3
    assert relative_gap(deficient, 3) == relative_gap(deficient, 6) == float("inf")
    assert gapped_k(torch.ones(1), 1) == 1
    assert gapped_k(torch.tensor([2.0, 1.0]), 2) == 1
    with pytest.raises(MeasureError, match="k = 7 leading directions"):
        gapped_k(deficient, 7)
