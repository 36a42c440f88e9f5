from math import sqrt

import pytest
import torch

from harness.errors import SpecError
from harness.interventions import STORAGES, round_parameters, round_to
from harness.spectra import storage_dtype, ulp


@pytest.fixture
def weights(generator):
    """Numbers of every size that fp16 keeps normal, and both zeros."""
    size = 2.0 ** torch.randint(-13, 14, (20_000,), generator=generator)
    x = torch.randn(20_000, generator=generator) * size
    x[:2] = torch.tensor([0.0, -0.0])
    return x


@pytest.mark.parametrize("storage", ["bf16", "fp16"])
def test_nearest_rounding_is_within_half_an_ulp_and_on_the_grid(storage, weights):
    """Truth: no number of the format is nearer; a second rounding changes nothing."""
    rounded = round_to(weights, storage)
    error = (rounded.double() - weights.double()).abs()
    assert rounded.dtype == torch.float32
    assert (error <= ulp(rounded, storage) / 2).all()
    assert torch.equal(rounded, rounded.to(storage_dtype(storage)).float())
    assert torch.equal(round_to(rounded, storage), rounded)


@pytest.mark.parametrize("storage, bits", [("bf16", 7), ("fp16", 10)])
def test_ties_go_to_the_even_neighbour(storage, bits):
    """Truth: 1 + (2n + 1) / 2 ulp lies between 1 + n ulp and 1 + (n + 1) ulp."""
    step = 2.0**-bits
    ties = torch.tensor([1 + step / 2, 1 + 3 * step / 2, -1 - step / 2, -1 - 3 * step / 2])
    assert round_to(ties, storage).tolist() == [1.0, 1 + 2 * step, -1.0, -1 - 2 * step]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9], ids="share={:g}".format)
@pytest.mark.parametrize("low", [1.0, -0.75, 255 / 256 * 2, 2.0**-130], ids="low={:g}".format)
def test_stochastic_rounding_is_unbiased(share, low, generator):
    """Truth: x a share of a step above a number of the grid goes up with probability `share`, ties too, at the end of a binade
    and among subnormals too; five standard errors of 40 000 draws."""
    n, low = 40_000, torch.tensor(low).bfloat16().float()
    step = ulp(low, "bf16").item()
    x = (low.double() + low.sign().double() * share * step).float()
    up = (x.double() - low.double()).abs().item() / step  # what fp32 kept of the share
    rounded = round_to(x.expand(n).contiguous(), "bf16_sr", generator)
    moved = (rounded.double() - low.double()).abs() / step
    assert set(moved.tolist()) == {0.0, 1.0}
    assert moved.mean().item() == pytest.approx(up, abs=5 * sqrt(up * (1 - up) / n))


def test_stochastic_rounding_keeps_what_is_on_the_grid(weights, generator):
    on_grid = weights.bfloat16().float()
    assert torch.equal(round_to(on_grid, "bf16_sr", generator), on_grid)


def test_stochastic_rounding_never_passes_a_neighbour_nor_the_largest_number(weights, generator):
    info = torch.finfo(torch.bfloat16)
    x = torch.cat([weights, torch.tensor([3.4e38, -3.4e38])])
    rounded = round_to(x, "bf16_sr", generator)
    assert ((rounded.double() - x.double()).abs() < ulp(x.clamp(-info.max, info.max), "bf16")).all()
    assert rounded[-2:].tolist() == [info.max, info.min]


@pytest.mark.parametrize("storage", STORAGES)
def test_what_is_not_finite_stays(storage, generator):
    odd = torch.tensor([float("inf"), -float("inf"), float("nan")])
    rounded = round_to(odd, storage, generator)
    assert torch.equal(rounded[:2], odd[:2]) and rounded[2].isnan()


def test_small_steps_are_lost_by_nearest_and_kept_in_the_mean_by_stochastic_rounding(generator):
    """Limit: 100 steps of .02 ulp are 2 ulp; nearest stands still, stochastic arrives within five standard errors
    sqrt(100 x .02 x .98 / 10 000) ulp."""
    start, step = torch.ones(10_000), 0.02 * 2.0**-7
    nearest, stochastic = start.clone(), start.clone()
    for _ in range(100):
        nearest = round_to(nearest + step, "bf16")
        stochastic = round_to(stochastic + step, "bf16_sr", generator)
    assert torch.equal(nearest, start)
    travelled = (stochastic.double() - 1).mean().item() * 2**7
    assert travelled == pytest.approx(2.0, abs=5 * sqrt(100 * 0.02 * 0.98 / 10_000))


def test_a_seed_repeats(weights):
    first, second = (round_to(weights, "bf16_sr", torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, second)


def test_parameters_are_rounded_in_place(model):
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    round_parameters(model.parameters(), "bf16")
    assert all(torch.equal(p, before[name].bfloat16().float()) for name, p in model.named_parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_what_cannot_be_rounded_is_said():
    with pytest.raises(SpecError, match="unknown storage 'int8': use one of fp32, bf16, bf16_sr, fp16"):
        round_to(torch.ones(2), "int8")
    with pytest.raises(SpecError, match="pass a generator"):
        round_to(torch.ones(2), "bf16_sr")
    with pytest.raises(SpecError, match="weights of torch.float64 cannot be rounded to bf16"):
        round_to(torch.ones(2).double(), "bf16")
