"""Both ways of reading adapters lead to one result, on matrices small enough for a test."""

import pytest
from harness.spectra.frame import decompose
from suites.benchmarks.adapter_frame_runs import framed, given, merged, ours, reference


@pytest.mark.parametrize("values", ["svd", "gram"])
def test_the_factors_read_what_merged_matrices_read(values):
    """Shares to rounding; the shift to first order."""
    one = given(96, seed=1, count=4)
    found, frame = framed(one), decompose(one.base)
    for member in range(4):
        block, left, right, shift = merged(one, frame, member, values).tolist()
        assert (found.block[member].item(), found.left[member].item()) == pytest.approx((block, left))
        assert found.right[member].item() == pytest.approx(right)
        assert found.shift[member].item() == pytest.approx(shift, rel=1e-2)


def test_times_are_of_this_process_and_of_all_adapters():
    one = given(48, count=4)
    assert ours(one)() > 0.0 and reference(one)() > 0.0
