"""Where one step of ISO-AdamW lies: closed form against the step itself, its limit, and the control."""

import pytest
import torch
from suites.iso.first_step import enrichment, predicted


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("power", [1.0, 0.5], ids="power={}".format)
def test_the_closed_form_is_the_mean_of_steps(power):
    """Truth: ten draws at n = 128, k = 16; a block of 16 x 16 has a relative spread of about .1."""
    found = [enrichment(rng(seed), power, size=128, k=16) for seed in range(10)]
    assert sum(found) / 10 == pytest.approx(predicted(power, 128, 16), rel=0.12)


def test_a_flat_spectrum_has_no_principal_directions():
    """Limit: 1 but for the diagonal, in closed form and in steps; AdamW's is 1 whatever the spectrum."""
    assert predicted(0.0, 256, 16) == pytest.approx((1 - 1 / 16) / (1 - 1 / 256))  # a skew matrix has no diagonal
    assert sum(enrichment(rng(s), 0.0, size=128, k=16) for s in range(4)) / 4 == pytest.approx(1.0, abs=0.15)
    assert sum(enrichment(rng(s), 1.0, "adamw", size=128, k=16) for s in range(4)) / 4 == pytest.approx(1.0, abs=0.15)


def test_the_sheets_numbers_are_predicted():
    """20 and 10 at n = 512, k = 32, one draw each."""
    assert predicted(1.0, 512, 32) == pytest.approx(20, rel=0.15)
    assert predicted(0.5, 512, 32) == pytest.approx(10, rel=0.15)
