"""Directions and curvature on a quadratic whose Gauss-Newton matrix is known."""

import pytest
import torch
from harness.errors import SpecError
from suites.galore.curvature import Curved, curvature, direction_of


@pytest.fixture
def bowl():
    """Curvature 1 along the first column of a 6 x 5 matrix, .01 along all others."""
    w = torch.zeros(6, 5, requires_grad=True)
    scale = torch.full((6, 5), 0.01).index_fill_(1, torch.tensor([0]), 1.0)
    return Curved(lambda: (scale * w.square()).sum() / 2, {"w": w})


def test_curvature_is_the_quadratic_form(bowl):
    ones = {"w": torch.ones(6, 5)}
    assert curvature(bowl, [ones]) == pytest.approx((6 + 24 * 0.01) / 30)


@pytest.mark.parametrize("kind", ["gradient", "noise", "turned"])
def test_norms_are_the_gradients_own(kind, bowl):
    gradient = {"w": torch.arange(30.0).view(6, 5)}
    for found in direction_of(gradient, kind, bowl, torch.Generator().manual_seed(0)):
        assert found["w"].norm().item() == pytest.approx(gradient["w"].norm().item(), rel=1e-6)


def test_turned_keeps_singular_values(bowl):
    gradient = {"w": torch.arange(30.0).view(6, 5)}
    for found in direction_of(gradient, "turned", bowl, torch.Generator().manual_seed(0)):
        assert torch.allclose(torch.linalg.svdvals(found["w"]), torch.linalg.svdvals(gradient["w"].double()), atol=1e-5)


def test_the_flat_direction_has_lost_its_steep_part(bowl):
    found = direction_of({"w": torch.ones(6, 5)}, "flat", bowl, torch.Generator().manual_seed(0))
    assert curvature(bowl, found) == pytest.approx(0.01, rel=0.01)


def test_an_unknown_direction_is_a_sentence(bowl):
    with pytest.raises(SpecError, match="unknown direction 'steep'"):
        direction_of({"w": torch.ones(6, 5)}, "steep", bowl, torch.Generator())
