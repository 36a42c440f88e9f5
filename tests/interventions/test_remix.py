import pytest
import torch

from harness.errors import MeasureError
from harness.interventions import off_principal_part, principal_part, remixed, restored_spectrum
from harness.spectra import Change, unexplained_ratio


@pytest.fixture
def change(generator):
    base = {"tall": torch.randn(30, 20, generator=generator), "square": torch.randn(20, 20, generator=generator)}
    return Change(base, {name: 0.1 * torch.randn(w.shape, generator=generator).double() for name, w in base.items()})


def test_iso_is_the_restored_spectrum_and_remix_the_part_on_the_block(change):
    """Truth: two interventions that have tests of their own."""
    iso, restored = remixed(change, "iso"), restored_spectrum(change)
    remix, on = remixed(change, k=6), principal_part(change, k=6)
    for name in change.base:
        torch.testing.assert_close(iso.update[name], restored.update[name], rtol=0, atol=1e-12)
        torch.testing.assert_close(remix.update[name], on.update[name], rtol=0, atol=1e-12)


def test_what_is_left_out_is_what_the_measure_calls_unexplained(change):
    for family, side in (("remix", "any"), ("left", "left"), ("right", "right")):
        left, told = off_principal_part(change, k=6, side=side).norm() / change.norm(), unexplained_ratio(change, family, k=6)
        assert dict(left) == pytest.approx(dict(told), rel=1e-9)


def test_a_square_matrix_is_its_own_remix(change):
    """Limit: with all directions on both sides every update of a square matrix is in the family."""
    remix = remixed(change)
    torch.testing.assert_close(remix.update["square"], change.update["square"], rtol=0, atol=1e-12)
    assert (remix.update["tall"] - change.update["tall"]).abs().max() > 1e-2


def test_an_unknown_family_is_refused(change):
    with pytest.raises(MeasureError, match="unknown family 'mixed': use one of remix, left, right, iso"):
        remixed(change, "mixed")
