import pytest
import torch

from harness.errors import MeasureError
from harness.nulls.strength_matched import frames, strength_matched
from harness.spectra.hosvd import top_share


def test_the_stack_has_the_singular_values_it_is_given(generator):
    values = torch.tensor([[3.0, 1.0], [0.5, 0.2], [2.0, 2.0]])
    found = torch.linalg.svdvals(strength_matched(values, 9, 7, generator))
    assert torch.allclose(found[:, :2], values.double()) and found[:, 2:].abs().max() < 1e-12


def test_frames_are_orthonormal_and_have_no_direction_of_their_own(generator):
    """Limit: the mean projection over many frames is r / size times the identity."""
    drawn = frames(4000, 6, 2, generator)
    assert torch.allclose(drawn.mT @ drawn, torch.eye(2, dtype=torch.float64).expand(4000, 2, 2), atol=1e-12)
    assert torch.allclose((drawn @ drawn.mT).mean(0), torch.eye(6, dtype=torch.float64) / 3, atol=0.03)
    assert drawn.mean(0).abs().max() < 0.04  # QR alone would give the first column a sign


def test_sides_share_what_chance_shares(generator):
    """Limit: 500 updates of rank 4 in 32 directions: 4 of them hold 4 / 32 and a little more."""
    stack = strength_matched(torch.ones(500, 4), 32, 32, generator)
    for axis in ("input", "output"):
        assert 4 / 32 < top_share(stack, axis, 4, centred=False) < 1.2 * 4 / 32


def test_more_values_than_a_matrix_has_are_refused(generator):
    with pytest.raises(MeasureError, match="a matrix of 3 x 9 has no 4 singular values"):
        strength_matched(torch.ones(2, 4), 3, 9, generator)
