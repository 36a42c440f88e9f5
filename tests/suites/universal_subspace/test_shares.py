"""Shares of sides, on families whose factors are drawn here."""

import pytest
import torch
from harness.engine.families import Sides
from suites.universal_subspace.shares import factor_share, model_share, side_excess, side_share, stacks

COUNT, M, N, R = 50, 40, 24, 4


class Drawn:
    """Fifty adapters of one matrix, A of one seed plus noise, or each of its own; by task in fives."""

    def __init__(self, shared: bool, noise: float = 0.0):
        g = torch.Generator().manual_seed(3)
        start = torch.randn(1 if shared else COUNT, R, N, generator=g, dtype=torch.float64).expand(COUNT, R, N)
        a = start + noise * torch.randn(COUNT, R, N, generator=g, dtype=torch.float64)
        b = torch.randn(COUNT, M, R, generator=g, dtype=torch.float64)
        self.tasks = tuple(i // 5 for i in range(COUNT))
        self._at = {-1: {"w": Sides(a, b, 2.0)}, 0: {"w": Sides(start, 0.0 * b, 2.0)}}

    def factors(self, step=-1):
        return self._at[step]

    def stacked(self):
        return {"w": self._at[-1]["w"].updates.dense()}


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def test_rows_of_one_seed_lie_in_as_many_directions_as_there_are_rows(rng):
    one, own = Drawn(True), Drawn(False)
    assert factor_share(one, "a")["w"] == pytest.approx(1.0) == factor_share(one, "a", step=0)["w"]
    assert factor_share(own, "a")["w"] < 0.3 and factor_share(one, "b")["w"] < 0.25
    assert side_share(one, "input", rng)["w"] == pytest.approx(1.0)


def test_what_is_left_of_one_seed_without_its_start_is_noise():
    moved = Drawn(True, noise=0.1)
    assert factor_share(moved, "a")["w"] > 0.9
    assert factor_share(moved, "a", less_start=True)["w"] < 0.3


@pytest.mark.parametrize("axis", ["input", "output"])
def test_a_stand_in_of_its_strength_has_no_excess(axis, rng):
    assert side_excess(Drawn(True), axis, rng, "matched")["w"] == pytest.approx(0.0, abs=0.02)
    assert side_excess(Drawn(False), axis, rng)["w"] == pytest.approx(0.0, abs=0.04)


def test_plants_have_what_they_are_called(rng):
    family = Drawn(False)
    values = torch.linalg.svdvals(family.stacked()["w"])[:, :R]
    for made in ("matched", "one_output", "one_frame"):
        assert torch.allclose(torch.linalg.svdvals(stacks(family, rng, made)["w"])[:, :R], values)
    assert side_share(family, "output", rng, "one_output")["w"] == pytest.approx(1.0)
    assert side_share(family, "input", rng, "one_output")["w"] < 0.4
    assert side_share(family, "input", rng, "one_frame")["w"] == pytest.approx(1.0)
    assert model_share(family, rng, "sixteen")["w"] == pytest.approx(1.0)
    assert model_share(family, rng)["w"] < 0.5
