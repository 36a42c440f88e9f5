import pytest
import torch
from harness.training import adapter_arms_opmix
from scipy.stats import pearsonr, rankdata
from suites.op_mix import mixtures
from suites.op_mix.mixtures import MIXTURES, by_factors, interpolated, one_hot, rank_correlation, regret, shuffled

LAYER = "model.layers.0.self_attn.q_proj"


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_mixtures_are_those_of_the_arms():
    assert (mixtures.DOMAINS, MIXTURES) == (adapter_arms_opmix.DOMAINS, adapter_arms_opmix.MIXTURES)
    assert len(MIXTURES) == 15 == len(set(MIXTURES)) and all(sum(w) == mixtures.QUARTERS for w in MIXTURES)
    assert mixtures.SCALING == adapter_arms_opmix.ALPHA / adapter_arms_opmix.RANK


def test_arms_are_taken_by_name_and_not_by_place():
    given = {"mixed_" + "".join(map(str, w)): w for w in reversed(MIXTURES)} | {"models": None, "against": "x"}
    given |= {f"domain_{name}_apart": name for name in reversed(mixtures.DOMAINS)}
    found = mixtures.Mixtures.of(given)
    assert found.mixed == list(MIXTURES) and found.domains == list(mixtures.DOMAINS)


def adapters(count=3, rank=2):
    """Factors of one layer by domain, the base, and the tuned weights."""
    base = {f"{LAYER}.weight": drawn(5, 4), "model.norm.weight": drawn(4, seed=1)}
    factors = [
        {LAYER + mixtures.A: drawn(rank, 4, seed=10 + i), LAYER + mixtures.B: drawn(5, rank, seed=20 + i)} for i in range(count)
    ]
    tuned = [
        base | {f"{LAYER}.weight": base[f"{LAYER}.weight"] + 2.0 * b @ a} for a, b in (each.values() for each in factors)
    ]
    return base, factors, tuned


def test_at_a_corner_both_ways_are_the_adapter_itself():
    base, factors, tuned = adapters()
    for state in (interpolated(base, tuned, (0.0, 1.0, 0.0)), by_factors(base, factors, (0.0, 1.0, 0.0))):
        for name, w in tuned[1].items():
            torch.testing.assert_close(state[name], w)


def test_inside_they_differ_by_the_cross_terms():
    """Truth: sum w_i B_i A_i against sum_ij w_i w_j B_i A_j."""
    base, factors, tuned = adapters(2)
    a, b = ([each[LAYER + part] for each in factors] for part in (mixtures.A, mixtures.B))
    updates, apart = (state[f"{LAYER}.weight"] - base[f"{LAYER}.weight"] for state in (
        interpolated(base, tuned, (0.25, 0.75)), by_factors(base, factors, (0.25, 0.75))
    ))  # fmt: skip
    torch.testing.assert_close(updates, 2 * (0.25 * b[0] @ a[0] + 0.75 * b[1] @ a[1]))
    torch.testing.assert_close(updates - apart, 2 * 0.25 * 0.75 * (b[0] - b[1]) @ (a[0] - a[1]))


def test_a_shuffle_reads_another_point_with_the_same_shares_and_repeats():
    rows = [list(map(float, w)) for w in MIXTURES]
    found = shuffled(rows, torch.Generator().manual_seed(0))
    assert [sorted(a) for a in found] == [sorted(b) for b in rows] and found != rows
    assert found == shuffled(rows, torch.Generator().manual_seed(0))
    assert found != shuffled(rows, torch.Generator().manual_seed(1))


def test_a_shuffled_share_correlates_with_no_share():
    generator, rows = torch.Generator().manual_seed(0), [list(map(float, w)) for w in MIXTURES]
    own = [row[0] for row in rows]
    found = [rank_correlation([row[0] for row in shuffled(rows, generator)], own) for _ in range(200)]
    assert abs(sum(found) / 200) < 0.1


def test_rank_correlation_is_that_of_mean_ranks():
    a, b = [1.0, 1.0, 2.0, 5.0, 3.0], [2.0, 0.0, 2.0, 9.0, 9.0]
    assert rank_correlation(a, b) == pytest.approx(pearsonr(rankdata(a), rankdata(b)).statistic)


def test_regret_is_a_share_of_the_range():
    true = [3.0, 1.0, 2.0]
    assert [regret(each, true) for each in one_hot(3)] == [1.0, 0.0, 0.5]
    assert regret(true, true) == 0.0
