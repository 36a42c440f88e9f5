"""How far noise falls below its own value: against noise itself, its limits, and what the bounds of the claims leave."""

import harness as h
import pytest
import torch
from suites.iso.spread import TINY, chance_below, left_over
from suites.iso.test_residuals import LESS, LESS_BY_ISO


@pytest.mark.parametrize("family", ["left", "right", "iso"])
@pytest.mark.parametrize("shape", [(12, 12), (8, 16), (20, 8)], ids=str)
def test_one_matrix_follows_the_beta_law(family, shape):
    """Truth: 300 draws of noise on one matrix; the share below the value that is expected in half of them is .5."""
    g = torch.Generator().manual_seed(0)
    first = torch.randn(*shape, generator=g)
    options = {} if family == "iso" else {"fraction": 0.5}
    found = []
    for _ in range(300):
        change = h.Change.from_weights({"w": first.double()}, {"w": first + 1e-6 * torch.randn(*shape, generator=g).double()})
        found.append(h.unexplained_excess(change, family, **options)["w"])
    for limit in (0.8, 0.95, 1.0, 1.1):
        share = sum(value < limit for value in found) / 300
        assert share == pytest.approx(chance_below(limit, family, [shape]), abs=0.09)  # three standard errors


def test_nothing_and_everything_lies_below_the_ends():
    assert chance_below(0.0, "left") == 0.0 and chance_below(9.0, "iso") == pytest.approx(1.0)
    assert left_over((64, 160), "left") == 32 * 160 and left_over((64, 160), "iso") == 64


def test_the_bounds_leave_noise_less_than_a_thousandth():
    """What the claims rest on; a limit of 1 left it more than half."""
    assert len(TINY) == 14
    assert max(chance_below(LESS.high, side) for side in ("left", "right")) < 1e-3
    assert chance_below(LESS_BY_ISO.high, "iso") < 1e-3
    assert min(chance_below(1.0, family) for family in ("left", "right", "iso")) > 0.5
