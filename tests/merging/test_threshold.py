"""The k-th largest of a model against sorting all of it."""

import torch
from harness.merging.threshold import count_of, kept, kth_largest, model_thresholds, threshold_of
from pytest import mark


@mark.parametrize("density", [0.001, 0.2, 0.5, 0.999, 1.0])
def test_a_models_threshold_is_that_of_all_its_entries_sorted(density, normal):
    parts = [[normal(40, 30).abs() * 10.0 ** (4 * at), normal(40, 30).square()] for at in range(3)]
    parts.append([normal(7).abs(), normal(7).abs()])
    found = model_thresholds(lambda: iter(parts), density)
    for expert, threshold in enumerate(found):
        whole = torch.cat([each[expert].flatten() for each in parts])
        k = count_of(density, len(whole))
        assert int(kept(whole, threshold).sum()) == k
        assert torch.equal(whole >= threshold, whole >= whole.sort(descending=True).values[k - 1])


def test_fp32_scores_take_two_passes(normal):
    scores, passes = 1 + 1e-4 * normal(1000).abs().float(), []

    def walk():
        passes.append(1)
        return iter([[scores]])

    [threshold] = model_thresholds(walk, 0.25)
    assert torch.equal(kept(scores, threshold), scores >= scores.sort(descending=True).values[249]) and len(passes) == 2


def test_equal_scores_are_kept_together_and_zeros_never():
    scores = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0]).double()
    [threshold] = model_thresholds(lambda: iter([[scores[:4]], [scores[4:]]]), 2 / 7)
    assert int(kept(scores, threshold).sum()) == 4
    [threshold] = model_thresholds(lambda: iter([[scores]]), 1.0)
    assert threshold == 0.0 and int(kept(scores, threshold).sum()) == 4


def test_tiny_and_subnormal_scores_are_told_apart():
    scores = torch.tensor([1e-300, 3e-310, 2e-310, 5e-324], dtype=torch.float64)
    for k, density in ((1, 0.25), (2, 0.5), (3, 0.75)):
        [threshold] = model_thresholds(lambda: iter([[scores]]), density)
        assert int(kept(scores, threshold).sum()) == k


@mark.parametrize("make", ["gaussian", "few values", "mostly zero", "rising", "periodic"])
def test_a_large_tensor_is_bracketed_by_a_sample(make, normal):
    """300 000 entries, more than a sample sees; the last two are those that a strided sample could be wrong about."""
    scores = {
        "gaussian": lambda: normal(300_000).abs(),
        "few values": lambda: (3 * normal(300_000)).round().abs(),
        "mostly zero": lambda: normal(300_000).abs() * (normal(300_000) > 2.0),
        "rising": lambda: torch.arange(300_000).double(),
        "periodic": lambda: (torch.arange(300_000) % 9 == 0).double() + 1e-3 * normal(300_000),
    }[make]()
    ordered = scores.sort(descending=True).values
    for k in (1, 5, 3000, 60_000, 150_000, 299_990, 300_000):
        assert kth_largest(scores, k) == ordered[k - 1].item()


def test_one_tensor(normal):
    scores = normal(50).abs()
    assert kth_largest(scores, 1) == scores.max() and kth_largest(scores, 50) == scores.min()
    assert int(kept(scores, threshold_of(scores, 0.1)).sum()) == 5
    assert int(kept(scores, threshold_of(scores, 1e-9)).sum()) == 1


def test_no_tensor_has_no_threshold():
    assert model_thresholds(lambda: iter([]), 0.5) == ()
