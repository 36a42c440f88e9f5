"""Overlaps of the leading quarter on the smaller side."""

import pytest
import torch
from suites.galore.subspaces import of_noise, of_samples, overlap, small_side


def matrices(seed):
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=draw) for name, shape in (("tall", (48, 16)), ("wide", (16, 48)))}


def test_the_smaller_side_is_what_is_turned():
    """Truth: a rotation of the longer side leaves every overlap at 1."""
    a = matrices(0)
    q = torch.linalg.qr(torch.randn(48, 48, generator=torch.Generator().manual_seed(1))).Q
    assert dict(overlap(a, {"tall": q @ a["tall"], "wide": a["wide"] @ q})) == pytest.approx({"tall": 1.0, "wide": 1.0})
    assert {g.shape for g in small_side(a).values()} == {(16, 48)}


def test_independent_matrices_meet_at_a_quarter():
    found = [of_noise(matrices(0), matrices(1), torch.Generator().manual_seed(seed), cosine=0.0) for seed in range(20)]
    assert sum(sum(each.values()) / 2 for each in found) / 20 == pytest.approx(0.25, abs=0.02)


def test_noise_at_the_cosine_of_a_matrix_with_itself_is_itself():
    assert min(of_noise(matrices(0), matrices(0), torch.Generator()).values()) == pytest.approx(1.0)


def test_samples_of_a_low_rank_matrix_are_its_space():
    """Limit: with four directions of any size SARA has nothing else to draw."""
    draw = torch.Generator().manual_seed(0)
    low = {"low": torch.randn(16, 4, generator=draw) @ torch.randn(4, 48, generator=draw)}
    assert of_samples(low, low, draw)["low"] == pytest.approx(1.0, abs=1e-5)
    assert of_samples(low, low, draw, uniform=True)["low"] < 0.7
