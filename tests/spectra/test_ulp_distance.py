import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, above_half_ulp, change_density, ulp_distance
from harness.spectra.ulp_distance import steps_between


@pytest.mark.parametrize("dtype, kind", [("bf16", torch.bfloat16), ("fp16", torch.float16), ("fp32", torch.float32)])
def test_steps_are_what_walking_from_number_to_number_counts(dtype, kind, generator):
    """Truth: torch.nextafter, step by step, across 0 as well."""
    info = torch.finfo(kind)
    above_zero = 20 * info.tiny * info.eps  # the 20th number above 0
    start = torch.tensor([1.0, -1.0, 0.0, -0.0, 1.9921875, 3e-5, -2e-5, above_zero], dtype=torch.float64).to(kind)
    place = start.clone()
    for count in range(1, 40):
        place = torch.nextafter(place, torch.tensor(-float("inf"), dtype=kind))
        assert steps_between(start, place, dtype).tolist() == [count] * len(start)
    assert steps_between(torch.tensor([0.0]), torch.tensor([-0.0]), dtype).item() == 0


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9, 0.99], ids="quantile={:g}".format)
def test_a_quantile_is_an_order_statistic(quantile, noisy):
    """Truth: numpy's inverted empirical distribution function of the same counts."""
    change = noisy(40, 30, 3e-2)
    steps = steps_between(change.base["w"], change.tuned("bf16")["w"]).numpy()
    assert ulp_distance(change, quantile)["w"] == numpy.quantile(steps, quantile, method="inverted_cdf")
    moved = steps[steps > 0]
    assert ulp_distance(change, quantile, moved_only=True)["w"] == numpy.quantile(moved, quantile, method="inverted_cdf")


@pytest.mark.parametrize("steps", [1, 3, 100])
def test_weights_moved_by_whole_steps_read_that_many(steps, weights):
    """Limit: integers added to the bit patterns of positive numbers."""
    w = weights(16, 16, on_grid=True).abs() + 0.01
    w = w.bfloat16()
    moved = (w.view(torch.int16) + steps).view(torch.bfloat16)
    change = Change.from_weights({"w": w}, {"w": moved})
    assert ulp_distance(change, 0.01)["w"] == ulp_distance(change, 0.99)["w"] == steps


def test_the_share_above_half_a_step_is_the_density_of_a_base_on_the_grid(noisy, generator):
    """Limit: they differ for the one in 128 numbers just above a power of two, in one direction of two, and for ties."""
    change = noisy(256, 256, 1e-3, on_grid=True)
    above, density = above_half_ulp(change)["w"], change_density(change)["w"]
    assert 0.1 < density and abs(above - density) < density / 128


def test_the_threshold_is_half_a_step_exactly():
    """Truth: at 1 a bf16 step is 2^-7."""
    half = 2.0**-8
    update = torch.tensor([[half, -half, half * (1 + 1e-9), -half * (1 + 1e-9), 0.0]], dtype=torch.float64)
    assert above_half_ulp(Change({"w": torch.ones(1, 5)}, {"w": update}))["w"] == 2 / 5


def test_what_is_undefined_is_refused(noisy):
    with pytest.raises(MeasureError, match="quantile 1.0 of the distances: .* the maximum is one entry's"):
        ulp_distance(noisy(4, 4, 1.0), 1.0)
    with pytest.raises(MeasureError, match="no entry of w changes in bf16"):
        ulp_distance(noisy(4, 4, 1e-9), moved_only=True)
