from math import sqrt

import pytest
import torch

from harness.errors import MeasureError
from harness.nulls import apply
from harness.spectra import (
    Change, Frame, isospectral_distance, isotropic_unexplained, spectral_drift_ratio, unexplained_excess, unexplained_ratio,
)  # fmt: skip
from harness.spectra.unexplained import FAMILIES, explained


@pytest.mark.parametrize("shape", [(96, 64), (40, 64), (48, 48)], ids=str)
def test_iso_is_the_spectral_drift_ratio(shape, noisy):
    """Truth: the distance to the nearest isospectral matrix is |d sigma|, whose ratio has a measure of its own."""
    change = noisy(*shape, 1e-2)
    found = unexplained_ratio(change, "iso")["w"]
    assert found == pytest.approx(spectral_drift_ratio(change)["w"], rel=1e-9)
    assert found == pytest.approx(isospectral_distance(change)["w"] / change.norm()["w"], rel=1e-9)


@pytest.mark.parametrize("family", FAMILIES[:3])
@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (20, 20)], ids=str)
def test_what_is_explained_is_the_nearest_point_of_the_family(family, shape, noisy):
    """Truth: least squares over a basis of the family."""
    change, k = noisy(*shape, 1e-2), 6
    w0, d = change.base["w"], change.update["w"]
    frame = Frame.of(w0)
    eyes = [torch.eye(size).double() for size in shape]
    left = eyes[0] if family == "right" else frame.U[:, :k]
    right = eyes[1] if family == "left" else frame.V[:, :k]
    basis = torch.einsum("ia,jb->ijab", left, right).reshape(d.numel(), -1)
    fitted = (basis @ torch.linalg.lstsq(basis, d.reshape(-1, 1)).solution).view_as(d)
    torch.testing.assert_close(explained(w0, d, family, k), fitted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [(96, 64), (40, 64), (48, 48)], ids=str)
@pytest.mark.parametrize("fraction", [1.0, 0.25], ids="fraction={:g}".format)
def test_noise_is_left_unexplained_by_chance(family, shape, fraction, noisy):
    """Limit: the closed form, from ten draws; the ratio of so many entries scatters by a few parts in a hundred (iso: a tenth)."""
    fraction = 1.0 if family == "iso" else fraction
    chance = isotropic_unexplained(shape, family, fraction=fraction)
    squares = [unexplained_ratio(noisy(*shape, 1e-4), family, fraction=fraction)["w"] ** 2 for _ in range(10)]
    assert sqrt(sum(squares) / 10) == pytest.approx(chance, rel=0.12 if family == "iso" else 0.02, abs=1e-12)


def test_the_nulls_of_the_sheet():
    """Sheet 2.2: 96 x 64 leaves .58 on the left and 0 on the right; squares leave nothing; iso 1/sqrt(max)."""
    found = {family: isotropic_unexplained((96, 64), family) for family in FAMILIES}
    wanted = {"remix": sqrt(1 / 3), "left": sqrt(1 / 3), "right": 0.0, "iso": 1 / sqrt(96)}
    assert found == pytest.approx(wanted)
    assert found["left"] == pytest.approx(0.58, abs=0.005)
    assert [isotropic_unexplained((64, 64), family) for family in FAMILIES] == pytest.approx([0.0, 0.0, 0.0, 0.125])
    assert isotropic_unexplained((64, 64), "left", k=16) == pytest.approx(sqrt(0.75))


def test_plants_are_explained_by_their_family_and_no_other(noisy, generator):
    """Limit: a block of leading directions is all remix; a rotation is all iso; a stretched spectrum is none of iso."""
    change = noisy(48, 48, 1e-3)
    block, turned, stretched = (apply(name, change, generator) for name in ("principal_block", "tilt", "scaled_spectrum"))
    assert unexplained_ratio(block, "remix", fraction=1 / 8)["w"] < 1e-6
    assert unexplained_ratio(turned, "iso")["w"] < 1e-6
    assert unexplained_ratio(stretched, "iso")["w"] == pytest.approx(1.0, abs=1e-6)


def test_the_excess_is_over_noise_where_noise_leaves_anything(generator):
    base = {"tall": torch.randn(96, 64, generator=generator), "square": torch.randn(64, 64, generator=generator)}
    update = {name: 1e-3 * torch.randn(w.shape, generator=generator).double() for name, w in base.items()}
    change = Change(base, update)
    excess = unexplained_excess(change, "left")
    assert dict(excess) == pytest.approx({"tall": 1.0}, rel=0.03) and dict(excess.sizes) == {"tall": 96 * 64}
    with pytest.raises(MeasureError, match="the family 'right' holds every update of these shapes: take fewer directions"):
        unexplained_excess(change, "right")


def test_a_family_that_is_not_there_is_refused(noisy):
    change = noisy(12, 8, 1e-2)
    with pytest.raises(MeasureError, match="unknown family 'both': use one of remix, left, right, iso"):
        unexplained_ratio(change, "both")
    with pytest.raises(MeasureError, match="the isospectral family keeps the whole spectrum"):
        unexplained_ratio(change, "iso", k=3)
    with pytest.raises(MeasureError, match="the update of w is zero: the unexplained ratio is undefined"):
        unexplained_ratio(change.scaled(0.0), "left")
