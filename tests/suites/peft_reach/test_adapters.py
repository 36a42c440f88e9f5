"""peft's weighted adapters beside the mean that they are called, and factors that two runs share."""

import pytest
import torch
from suites.peft_reach.adapters import ADAPTERS, KINDS, merged, shared_factors, weighted


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(17)


@pytest.mark.parametrize("kind", ["cat", "svd"])
def test_two_kinds_are_the_mean(rng, kind):
    found = weighted(rng, kind)
    assert found.error < 1e-5 and found.cosine == pytest.approx(1, abs=1e-9)


def test_linear_has_the_cosine_of_its_cross_terms(rng):
    """Truth: (sum A)(sum B) of K unit Gaussians holds K of its K^2 equal terms: a cosine of 1 / sqrt(K)."""
    assert weighted(rng, "linear").cosine == pytest.approx(ADAPTERS**-0.5, abs=0.05)


def test_all_kinds_are_peft_s():
    assert set(KINDS) == {"cat", "linear", "svd", "ties"}


def test_factors_are_shared_by_equal_seeds_alone(rng):
    assert shared_factors(rng, alike=True) and not shared_factors(rng, alike=False)


def test_merged_are_on_one_draw(rng):
    first, second = merged(rng, "lora", "lora")
    assert all(torch.equal(w, second[name]) for name, w in first.items()) and len(first) == 14
