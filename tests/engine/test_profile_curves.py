"""How curves and maps are cut down to what a store keeps: nothing is lost in a sum, both ends of a curve stay."""

import torch
from harness.engine.profile_curves import bin_means, bin_sizes, bin_starts, bins, floats, row, thinned
from harness.store.schema import COLUMNS
from pytest import approx, mark

inf, nan = float("inf"), float("nan")


def test_bins_add_up_block_by_block():
    matrix = torch.arange(20.0).reshape(4, 5)
    assert bins(matrix, 2, 2).tolist() == [[matrix[rows, :3].sum(), matrix[rows, 3:].sum()] for rows in (slice(2), slice(2, 4))]
    assert bins(matrix, 4, 5).tolist() == matrix.tolist()
    assert bin_means(torch.full((7, 5), 0.25), 3, 2).tolist() == [[0.25] * 2] * 3


def test_bins_are_as_equal_as_they_come_and_start_where_they_say():
    assert bin_sizes(10, 4).tolist() == [3, 3, 2, 2]
    assert bin_starts(10, 4) == [1, 4, 7, 9]


@mark.parametrize("size", [1, 255, 256], ids="size={}".format)
def test_a_short_curve_is_kept(size):
    assert thinned(size) == list(range(size))


@mark.parametrize("size", [257, 300, 576, 4096, 100_000], ids="size={}".format)
def test_a_long_curve_is_thinned_to_rising_indices_with_both_ends(size):
    kept = thinned(size)
    assert len(kept) == 256 and (kept[0], kept[-1]) == (0, size - 1)
    assert all(one < other for one, other in zip(kept, kept[1:], strict=False))


def test_a_thinned_curve_is_dense_where_a_spectrum_is_large():
    kept = thinned(4096)
    assert kept[:30] == list(range(30))
    assert 1.02 < (kept[-1] + 1) / (kept[-2] + 1) < 1.05  # the tail is spaced in the logarithm


@mark.parametrize("bits", [12, 24], ids="bits={}".format)
def test_numbers_keep_their_leading_digits(bits):
    values = torch.tensor([1 / 3, -1e-9 / 7, 3e8 / 7, 0.0], dtype=torch.float64)
    assert floats(values, bits) == [approx(value, rel=2.0**-bits, abs=0) if value else 0.0 for value in values.tolist()]
    assert floats([1 / 3], 12) != [1 / 3]


def test_what_is_not_finite_is_null():
    assert floats([1.0, nan, inf, -inf]) == [1.0, None, None, None]


def test_a_row_has_columns_of_the_table():
    made = row("energy", torch.ones(2, 3), None, [1.0], "noise", shape=(2, 3), detail="a map")
    assert set(made) <= set(COLUMNS["profiles"])
    assert (made["rows"], made["cols"], made["x"], len(made["y"]), made["reference"]) == (2, 3, None, 6, [1.0])
