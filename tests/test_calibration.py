"""Errors of calibration against loops over predictions, against scikit-learn's curve, and where bins are empty."""

import numpy as np
import torch
from harness import calibration as c
from harness.errors import MeasureError
from pytest import approx, fixture, mark, raises
from sklearn.calibration import calibration_curve

METRICS = (
    c.expected_calibration_error, c.maximum_calibration_error, c.adaptive_calibration_error, c.classwise_adaptive_error,
    c.classwise_calibration_error, c.thresholded_adaptive_error, c.brier_score,
)  # fmt: skip


@fixture
def generator():
    return torch.Generator().manual_seed(20)


def drawn(generator, n=257, classes=5, sharpness=2.0):
    """Predictions, and labels that have nothing to do with them."""
    p = (sharpness * torch.randn(n, classes, generator=generator, dtype=torch.float64)).softmax(1)
    return p, torch.randint(classes, (n,), generator=generator)


def by_hand(confidence, right, bins):
    """(counts, gaps) of equal widths, prediction by prediction."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    members = [[i for i, x in enumerate(confidence) if (lo < x or (lo == 0.0 and x == 0.0)) and x <= hi]
               for lo, hi in zip(edges[:-1], edges[1:], strict=True)]  # fmt: skip
    return [(len(m), abs(np.mean(confidence[m]) - np.mean(right[m]))) for m in members if m]


def by_count(confidence, right, bins):
    """The same for equal counts; the last takes the remainder."""
    order, each = np.argsort(confidence, kind="stable"), len(confidence) // bins
    members = [order[b * each : (b + 1) * each if b < bins - 1 else None] for b in range(bins)]
    return [(len(m), abs(np.mean(confidence[m]) - np.mean(right[m]))) for m in members if len(m)]


def weighted(found):
    return sum(n * gap for n, gap in found) / sum(n for n, _ in found)


@mark.parametrize("bins", [1, 7, 10, 300], ids="bins={}".format)
def test_every_error_is_what_a_loop_over_predictions_gives(generator, bins):
    p, y = drawn(generator)
    confidence, right = p.max(1).values.numpy(), (p.argmax(1) == y).numpy().astype(float)
    columns = [(p[:, k].numpy(), (y == k).numpy().astype(float)) for k in range(p.shape[1])]
    whole, hits = p.numpy().ravel(), np.eye(p.shape[1])[y].ravel()
    large = whole >= 0.01

    assert c.expected_calibration_error(p, y, bins) == approx(weighted(by_hand(confidence, right, bins)), abs=1e-12)
    assert c.maximum_calibration_error(p, y, bins) == approx(max(gap for _, gap in by_hand(confidence, right, bins)), abs=1e-12)
    assert c.adaptive_calibration_error(p, y, bins) == approx(weighted(by_count(confidence, right, bins)), abs=1e-12)
    per_class = [gap for column in columns for _, gap in by_count(*column, bins)]
    assert c.classwise_adaptive_error(p, y, bins) == approx(np.mean(per_class), abs=1e-12)
    assert c.classwise_calibration_error(p, y, bins) == approx(np.mean([weighted(by_hand(*x, bins)) for x in columns]), abs=1e-12)
    assert c.thresholded_adaptive_error(p, y, 0.01, bins) == approx(weighted(by_count(whole[large], hits[large], bins)), abs=1e-12)
    assert c.brier_score(p, y) == approx(np.mean(((p.numpy() - np.eye(5)[y]) ** 2).sum(1)), abs=1e-12)


def test_the_largest_gap_is_that_of_the_kept_library(generator):
    """scikit-learn's reliability curve has the same bins and no counts."""
    p, y = drawn(generator)
    found = c.top_label(p, y)
    true, said = calibration_curve(found.right.numpy(), found.confidence.numpy(), n_bins=10)
    assert c.maximum_calibration_error(p, y) == approx(abs(true - said).max(), abs=1e-12)


def test_an_edge_belongs_to_the_lower_bin_and_zero_to_the_first():
    p = torch.tensor([[0.5, 0.5, 0.0], [0.51, 0.49, 0.0]], dtype=torch.float64)
    y = torch.tensor([0, 1])
    assert c.expected_calibration_error(p, y, 2) == approx((0.5 + 0.51) / 2)  # (0, .5] and (.5, 1], one in each
    assert c.expected_calibration_error(p, y, 1) == approx(abs(0.505 - 0.5))
    first, second = (0.5 + 0.51) / 2, abs((0.5 + 0.49) / 2 - 0.5)  # .5 and .51 are told apart, .5 and .49 are not
    assert c.classwise_calibration_error(p, y, 10) == approx((first + second + 0.0) / 3)


def test_fewer_predictions_than_bins_all_fall_into_the_last_one():
    """Errors of single predictions then cancel in ACE, which they do not in ECE."""
    p, y = torch.tensor([[0.9, 0.1], [0.6, 0.4]]), torch.tensor([1, 0])
    assert c.adaptive_calibration_error(p, y, 3) == approx(0.75 - 0.5)
    assert c.adaptive_calibration_error(p, y, 2) == c.expected_calibration_error(p, y, 3) == approx((0.9 + 0.4) / 2)


def test_the_two_errors_named_ace_differ(generator):
    p, y = drawn(generator)
    assert c.adaptive_calibration_error(p, y) > 2 * c.classwise_adaptive_error(p, y)


def test_a_certain_and_right_model_has_no_error_and_a_certain_and_wrong_one_the_whole():
    p, y = torch.eye(4, dtype=torch.float64), torch.arange(4)
    assert [metric(p, y) for metric in METRICS] == [0.0] * len(METRICS)
    assert c.expected_calibration_error(p, (y + 1) % 4) == c.maximum_calibration_error(p, (y + 1) % 4) == 1.0
    assert c.brier_score(p, (y + 1) % 4) == 2.0


def test_a_calibrated_model_comes_to_no_error_slowly(generator):
    """Limit: labels drawn from the predictions. At 50 of them ECE is .15, which is all bias."""

    def error(n):
        p, _ = drawn(generator, n=n, classes=13, sharpness=1.5)
        return c.expected_calibration_error(p, torch.multinomial(p, 1, generator=generator)[:, 0])

    assert sum(error(50) for _ in range(40)) / 40 == approx(0.15, abs=0.03)
    assert sum(error(300) for _ in range(40)) / 40 == approx(0.06, abs=0.02)
    assert error(100_000) < 0.006


@mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_what_is_no_prediction_is_refused(metric):
    y = torch.tensor([0, 1])
    for p, labels, says in (
        (torch.full((2, 3), 0.5), y, "no distribution"),
        (torch.tensor([[1.5, -0.5], [0.5, 0.5]]), y, "no distribution"),
        (torch.full((2, 2), 0.5), torch.tensor([0, 2]), "from 0 to 1"),
        (torch.full((2, 2), 0.5), torch.tensor([0.0, 1.0]), "whole numbers"),
        (torch.full((3, 2), 0.5), y, "probabilities and"),
        (torch.empty(0, 2), torch.empty(0, dtype=torch.long), "at least 1"),
    ):
        with raises(MeasureError, match=says):
            metric(p, labels)


def test_no_bins_and_no_probability_above_the_threshold_are_refused(generator):
    p, y = drawn(generator)
    with raises(MeasureError, match="1 bin or more"):
        c.expected_calibration_error(p, y, 0)
    with raises(MeasureError, match="smaller threshold"):
        c.thresholded_adaptive_error(p, y, 1.1)
