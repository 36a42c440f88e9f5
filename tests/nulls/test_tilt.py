from math import pi

import pytest
import torch

from harness.errors import MeasureError
from harness.nulls.tilt import tilt
from harness.spectra import Frame, normalized_spectral_shift, principal_angles, rotation


@pytest.mark.parametrize("theta", [1e-5, 0.1, pi / 2], ids="theta={:g}".format)
def test_every_cut_up_to_twice_k_is_turned_by_the_angle(theta, arm, generator):
    """Truth: angles at all cuts 1..8 of k = 4; no singular value moves; the other side stays. fp64 rounding over gaps."""
    planted = tilt(arm, generator, theta=theta)
    assert max(normalized_spectral_shift(planted).values()) < 1e-9
    for name, w0 in arm.base.items():
        before, after = Frame.of(w0), Frame.of(w0.double() + planted.update[name])
        for k in range(1, 9):
            assert principal_angles(before.U[:, :k], after.U[:, :k])[-1].item() == pytest.approx(theta, abs=1e-9)
            assert principal_angles(before.V[:, :k], after.V[:, :k])[-1].item() < 1e-9


@pytest.mark.parametrize("side", ["left", "right"])
def test_by_default_the_norm_says_how_far(side, arm, generator):
    """Limit: a fifth of the norm is a fifth of the angle, while both are small: to theta^2 / 24."""
    angle = rotation(tilt(arm, generator.manual_seed(3), side=side), side).angle
    fifth = rotation(tilt(arm.scaled(0.2), generator.manual_seed(3), side=side), side).angle
    for name in arm.base:
        assert fifth[name] == pytest.approx(angle[name] / 5, rel=angle[name] ** 2 / 12)


def test_a_stated_angle_is_reached_in_proportion_to_the_norm(arm, generator):
    planted = tilt(arm, generator, theta=0.3)
    angles = [rotation(snapshot, "left").angle for _, snapshot in planted.trajectory]
    assert [a["v"] for a in angles] == pytest.approx([0.0, 0.03, 0.3], abs=1e-9)
    assert [a["o"] for a in angles] == pytest.approx([0.0, 0.09, 0.3], abs=1e-9)


def test_what_cannot_be_turned_is_refused(arm, generator):
    with pytest.raises(MeasureError, match="no direction in o: choose a smaller block"):
        tilt(arm, generator, k=16)
    with pytest.raises(MeasureError, match="cannot have the norm .*: a right angle gives .*; state theta"):
        tilt(arm.scaled(100.0), generator)
    with pytest.raises(MeasureError, match="an angle of 2.0 between subspaces"):
        tilt(arm, generator, theta=2.0)
    with pytest.raises(MeasureError, match="unknown side 'both' of a tilt"):
        tilt(arm, generator, side="both")
