import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, rotation, wedin_bound, wedin_ratio, wedin_vacuous


def spiked(generator: torch.Generator, gap: float, relative: float, m: int = 40, n: int = 32) -> Change:
    """Singular values 2 .. 1 + gap (five of them) above 1 and less, and noise."""
    q = [torch.linalg.qr(torch.randn(side, n, generator=generator, dtype=torch.float64)).Q for side in (m, n)]
    s = torch.cat((torch.linspace(2, 1 + gap, 5), torch.linspace(1, 0.1, n - 5))).double()
    base = ((q[0] * s) @ q[1].T).float()
    d = torch.randn(m, n, generator=generator, dtype=torch.float64)
    return Change({"w": base}, {"w": d * (relative * base.double().norm() / d.norm())})


def test_both_sides_are_what_numpy_computes(generator):
    """Truth: from the definitions, at the planted cut."""
    change = spiked(generator, 0.5, 1e-3)
    s = numpy.linalg.svd(change.base["w"].double().numpy(), compute_uv=False)
    bound = 2 * numpy.linalg.norm(change.update["w"].numpy(), 2) / (s[4] - s[5])
    assert rotation(change).k["w"] == 5
    assert wedin_bound(change)["w"] == pytest.approx(bound, rel=1e-9)
    assert wedin_ratio(change)["w"] == pytest.approx(numpy.sin(rotation(change).angle["w"]) / bound, rel=1e-9)


@pytest.mark.parametrize("relative", [1e-4, 1e-2, 0.3], ids="relative={:g}".format)
@pytest.mark.parametrize("gap", [1e-4, 1e-2, 0.5], ids="gap={:g}".format)
@pytest.mark.parametrize("gapped", [True, False])
def test_the_theorem_holds_at_every_cut(relative, gap, gapped, generator):
    """Limit: never above 1, also where the cut is inside the bulk."""
    for k in (1, 4, 5, 12):
        change = spiked(generator, gap, relative)
        assert 0.0 <= wedin_ratio(change, k=k, gapped=gapped)["w"] <= 1.0


def test_an_update_made_to_turn_the_gap_uses_half_of_the_bound():
    """Limit: sigma 2, 1 and an update a (e_2 e_1^T + e_1 e_2^T): tan(2 theta) = 2a / gap, so sin theta / (a / gap) -> 1."""
    a = 1e-4
    update = torch.tensor([[0.0, a], [a, 0.0]], dtype=torch.float64)
    change = Change({"w": torch.diag(torch.tensor([2.0, 1.0]))}, {"w": update})
    assert wedin_ratio(change, k=1)["w"] == pytest.approx(0.5, rel=1e-6)


def test_the_bound_says_nothing_without_a_gap(generator):
    """Limit: relative size 1e-2 of |W0|_F is several times a gap of 1e-4."""
    assert wedin_vacuous(spiked(generator, 1e-4, 1e-2), k=5, gapped=False)["w"] == 1.0
    assert wedin_vacuous(spiked(generator, 0.5, 1e-3))["w"] == 0.0
    equal = Change({"w": torch.eye(4)}, {"w": 1e-3 * torch.ones(4, 4, dtype=torch.float64)})
    assert wedin_bound(equal, k=2)["w"] > 1e6
    assert wedin_ratio(equal, k=2)["w"] < 1e-6


def test_a_zero_update_has_no_bound(noisy):
    with pytest.raises(MeasureError, match="the update of w is zero"):
        wedin_ratio(noisy(4, 4, 0.0))
