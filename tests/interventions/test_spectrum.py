"""Exchanged spectra against LAPACK's, and on updates that are all spectrum or all frames."""

import pytest
import torch

from harness.errors import MeasureError
from harness.interventions import restored_spectrum, spectrum_alone, swapped_spectrum, with_spectrum
from harness.nulls import apply
from harness.spectra import Change, isospectral_distance

SHAPES = {"square": (24, 24), "tall": (32, 20), "wide": (18, 40)}
EXACT = dict(rtol=0, atol=1e-12)


@pytest.fixture
def pair(generator):
    """Two changes of one base, 3 % of it in size; the first has what only a trained arm has."""

    def draw():
        return {name: 0.03 * torch.randn(shape, generator=generator).double() for name, shape in SHAPES.items()}

    base = {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}
    first = Change(base, draw())
    known = dict(capability={"addition": 0.5}, gain=0.1, graded="addition", trajectory=((1, first),), arm="rlvr", seed=1)
    return Change(base, first.update, label="rlvr", **known), Change(base, draw(), label="sft")


def weights(change):
    return {name: w0.double() + change.update[name] for name, w0 in change.base.items()}


def values(matrices):
    return {name: torch.linalg.svdvals(w.double()) for name, w in matrices.items()}


def in_frame_of(matrix, other):
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    return u.T @ other @ vh.T


def off_diagonal(c):
    return (c - c.diagonal().diag()).abs().max().item()


@pytest.mark.parametrize("a", [0.0, 0.25, 1.0, 1.5], ids="a={:g}".format)
def test_a_restored_spectrum_is_on_the_way_and_the_tuned_frames_stay(a, pair):
    """Truth: values of LAPACK, and no entry off the diagonal in the frame of W."""
    change = pair[0]
    seen, tuned = weights(restored_spectrum(change, a)), weights(change)
    s0, s = values(change.base), values(tuned)
    for name, w in seen.items():
        c = in_frame_of(tuned[name], w)
        torch.testing.assert_close(c.diagonal(), (1 - a) * s0[name] + a * s[name], **EXACT)
        assert off_diagonal(c) < 1e-12


@pytest.mark.parametrize("a", [0.0, 0.25, 1.0], ids="a={:g}".format)
def test_a_spectrum_alone_is_on_the_way_and_the_base_frames_stay(a, pair):
    change = pair[0]
    seen, s0, s = weights(spectrum_alone(change, a)), values(change.base), values(weights(change))
    for name, w in seen.items():
        c = in_frame_of(change.base[name].double(), w)
        torch.testing.assert_close(c.diagonal(), (1 - a) * s0[name] + a * s[name], **EXACT)
        assert off_diagonal(c) < 1e-12


def test_the_ends_of_the_paths_change_no_bit(pair):
    change = pair[0]
    whole, nothing = restored_spectrum(change, 1.0), spectrum_alone(change, 0.0)
    for name, d in change.update.items():
        assert torch.equal(whole.update[name], d)
        assert not nothing.update[name].any()


def test_restoring_goes_to_the_nearest_matrix_with_the_spectrum_of_the_base(pair, generator):
    """Truth: its distance is Mirsky's bound, and other points of the family are farther."""
    change = pair[0]
    nearest, distance = restored_spectrum(change), isospectral_distance(change)
    for name, d in change.update.items():
        m, n = d.shape
        assert torch.linalg.vector_norm(nearest.update[name] - d).item() == pytest.approx(distance[name], rel=1e-9)
        for size in (1e-3, 0.1):
            turns = [size * torch.randn(k, k, generator=generator).double() for k in (m, n)]
            left, right = (torch.linalg.matrix_exp(turn - turn.T) for turn in turns)
            other = left @ (change.base[name].double() + nearest.update[name]) @ right
            away = torch.linalg.vector_norm(change.base[name].double() + d - other).item()
            assert away > distance[name]


def test_the_spectrum_of_another_run_in_the_tuned_frames(pair):
    first, second = pair
    seen, other = weights(swapped_spectrum(first, second)), values(weights(second))
    tuned = weights(first)
    for name, w in seen.items():
        c = in_frame_of(tuned[name], w)
        torch.testing.assert_close(c.diagonal(), other[name], **EXACT)
        assert off_diagonal(c) < 1e-12


def test_the_base_as_the_other_run_restores_it_and_a_run_with_itself_is_itself(pair):
    change = pair[0]
    still = Change(change.base, {name: torch.zeros_like(d) for name, d in change.update.items()})
    by_swap, restored, itself = swapped_spectrum(change, still), restored_spectrum(change), swapped_spectrum(change, change)
    for name, d in change.update.items():
        torch.testing.assert_close(by_swap.update[name], restored.update[name], **EXACT)
        assert torch.equal(itself.update[name], d)


def test_what_is_all_spectrum_is_all_restored_and_what_is_all_frames_is_all_kept(pair, generator):
    """Limit: stretched values keep both frames, a rotated base keeps its values. The base's own gaps are 1e-2 and more."""
    change = pair[0].scaled(1e-2)
    stretched, turned = apply("scaled_spectrum", change, generator), apply("tilt", change, generator)
    for name, size in change.norm().items():
        assert torch.linalg.vector_norm(restored_spectrum(stretched).update[name]).item() < 1e-9 * size
        torch.testing.assert_close(spectrum_alone(stretched).update[name], stretched.update[name], rtol=0, atol=1e-9 * size)
        assert torch.linalg.vector_norm(spectrum_alone(turned).update[name]).item() < 1e-9 * size
        torch.testing.assert_close(restored_spectrum(turned).update[name], turned.update[name], rtol=0, atol=1e-9 * size)


def test_values_may_have_any_order_and_sign(generator):
    """Truth: the distance is that of the values, paired from the largest down."""
    matrix = torch.randn(9, 6, generator=generator)
    given = torch.randn(6, generator=generator).double()
    moved = with_spectrum(matrix, given)
    torch.testing.assert_close(torch.linalg.svdvals(moved), given.abs().sort(descending=True).values, **EXACT)
    away = torch.linalg.vector_norm(moved - matrix).item()
    assert away == pytest.approx(torch.linalg.vector_norm(given - torch.linalg.svdvals(matrix.double())).item(), rel=1e-12)


def test_what_was_measured_on_the_arm_is_dropped_and_where_it_comes_from_is_kept(pair):
    seen = restored_spectrum(pair[0])
    assert (seen.arm, seen.seed, seen.graded, seen.label) == ("rlvr", 1, "addition", "rlvr, spectrum at a = 0")
    assert (seen.capability, seen.accuracy, seen.gain, seen.trajectory) == (None, None, None, ())
    assert seen.base is pair[0].base


def test_spectra_that_do_not_fit_are_refused(pair, generator):
    change = pair[0]
    fewer = Change({"square": change.base["square"]}, {"square": change.update["square"]}, label="fewer")
    with pytest.raises(MeasureError, match="rlvr and fewer differ in tall: a spectrum fits matrices of one shape only"):
        swapped_spectrum(change, fewer)
    with pytest.raises(MeasureError, match="5 singular values for a matrix that has 4"):
        with_spectrum(torch.randn(4, 6, generator=generator), torch.ones(5))
