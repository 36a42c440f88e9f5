from math import sqrt

import pytest
import torch

from harness.errors import MeasureError
from harness.interventions import random_spectrum
from harness.interventions.random_spectrum import random_shift
from harness.spectra import Change, isospectral_distance, singular_values


@pytest.fixture
def change(generator):
    base = {"a": torch.randn(24, 40, generator=generator), "b": torch.randn(20, 20, generator=generator)}
    return Change(base, {name: 0.2 * torch.randn(w.shape, generator=generator).double() for name, w in base.items()})


@pytest.mark.parametrize("frames", ["tuned", "base"])
@pytest.mark.parametrize("sort", [True, False], ids="sort={}".format)
def test_the_values_move_as_far_as_the_arms_did_and_the_frames_stay(frames, sort, change, generator):
    """Truth: the matrix moves by |d sigma| from W or W0, along its own frames alone."""
    distance, seen = isospectral_distance(change), random_spectrum(change, generator, frames, sort)
    for name, w0 in change.base.items():
        centre = w0.double() + (change.update[name] if frames == "tuned" else 0)
        moved = w0.double() + seen.update[name] - centre
        assert torch.linalg.vector_norm(moved).item() == pytest.approx(distance[name], rel=1e-9)
        u, _, vh = torch.linalg.svd(centre, full_matrices=False)
        c = u.T @ moved @ vh.T
        assert (c - c.diagonal().diag()).abs().max() < 1e-12


def test_sorted_values_move_by_the_distance_as_measured_and_unsorted_ones_by_less(change, generator):
    """Gaps of these bases are smaller than the shift, so some values change places."""
    distance = isospectral_distance(change)
    for sort in (True, False):
        seen = random_spectrum(change, generator, "base", sort)
        moved = isospectral_distance(seen)
        for name in change.base:
            assert moved[name] == pytest.approx(distance[name], rel=1e-9) if sort else moved[name] < 0.999 * distance[name]


@pytest.mark.parametrize("distance", [0.0, 1e-6, 0.1, 30.0], ids="distance={:g}".format)
def test_a_sorted_shift_has_its_length_and_leaves_values_in_order(distance, generator):
    values = singular_values(torch.randn(16, 16, generator=generator))
    shift = random_shift(values, distance, generator)
    assert torch.linalg.vector_norm(shift).item() == pytest.approx(distance, rel=1e-9)
    moved = values + shift
    assert (moved >= -1e-15).all() and (moved.diff() <= 1e-15).all()


def test_unsorted_shifts_prefer_no_direction(generator):
    """Limit: the mean of many unit shifts is 0, within five standard errors 1 / sqrt(q N) an entry."""
    draws = torch.stack([random_shift(torch.arange(8.0).flip(0).double(), 1.0, generator, sort=False) for _ in range(2000)])
    assert draws.mean(0).abs().max().item() < 5 / sqrt(8 * 2000)


def test_an_update_that_leaves_the_values_alone_is_left_alone(change, generator):
    still = change.scaled(0.0)
    assert not any(d.any() for d in random_spectrum(still, generator).update.values())


def test_a_seed_repeats(change):
    first, second = (random_spectrum(change, torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(first.update[name], second.update[name]) for name in change.base)


def test_unknown_frames_are_refused(change, generator):
    with pytest.raises(MeasureError, match="unknown frames 'other' of a random spectrum: use 'tuned' or 'base'"):
        random_spectrum(change, generator, frames="other")
