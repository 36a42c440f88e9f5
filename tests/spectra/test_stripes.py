import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.nulls.stripe import stripe
from harness.spectra import Change, change_density, change_ratios, changed_masks, gated_stripe_score, stripe_score
from harness.spectra.visibility import visible_chance


def row_scaled(m: int, n: int, relative: float, generator: torch.Generator) -> Change:
    """Noise on weights whose rows differ in size by exp(.5 z), on the bf16 grid."""
    rows = torch.exp(0.5 * torch.randn(m, 1, generator=generator))
    base = (0.02 * rows * torch.randn(m, n, generator=generator)).bfloat16().float()
    noise = torch.randn(m, n, generator=generator).double()
    return Change({"w": base}, {"w": noise * (relative * base.double().norm() / noise.norm())})


@pytest.mark.parametrize("axis, along", [("rows", 1), ("columns", 0)])
def test_it_is_the_variance_of_counts_over_that_of_coins(axis, along, noisy):
    """Truth: numpy, from the mask."""
    change = noisy(30, 50, 1e-3)
    mask = changed_masks(change)["w"].numpy()
    ratios, p = mask.mean(along), mask.mean()
    assert change_ratios(change, axis)["w"].tolist() == ratios.tolist()
    coins = p * (1 - p) / mask.shape[along]
    assert stripe_score(change, axis)["w"] == pytest.approx(ratios.var(ddof=1) / coins)


@pytest.mark.parametrize("axis, stripes", [("rows", 200), ("columns", 300)])
@pytest.mark.parametrize("score", [stripe_score, gated_stripe_score])
def test_noise_on_weights_without_stripes_reads_one(axis, stripes, score, noisy):
    """Limit: spread sqrt(2 / (stripes - 1)); five of it."""
    change = noisy(200, 300, 1e-3, on_grid=True)
    assert score(change, axis)["w"] == pytest.approx(1.0, abs=5 * (2 / (stripes - 1)) ** 0.5)


def test_rows_of_small_weights_make_stripes_of_noise_and_the_gate_explains_them(generator):
    """Limit: the gated score of noise is 1 whatever the rows are; the plain one is 1 plus what the rows' own chances
    spread, here 18, to sqrt(2 / 255) of it."""
    change = row_scaled(256, 256, 1e-3, generator)
    spread = 5 * (2 / 255) ** 0.5
    chance = visible_chance(change.base["w"], change.norm()["w"] / 256)
    p = chance.mean().item()
    expected = ((chance * (1 - chance)).mean().item() + 256 * chance.mean(1).var().item()) / (p * (1 - p))
    assert 10 < expected
    assert stripe_score(change)["w"] == pytest.approx(expected, rel=spread)
    assert gated_stripe_score(change)["w"] == pytest.approx(1.0, abs=spread)
    assert gated_stripe_score(change, "columns")["w"] == pytest.approx(1.0, abs=spread)


@pytest.mark.parametrize("axis, other", [("rows", "columns"), ("columns", "rows")])
def test_planted_stripes_are_found_along_their_axis_alone(axis, other, noisy, generator):
    """Truth: an eighth of the lines shows p' > p, the others nothing, so the ratios' variance is 7/64 p'^2 against p / 128 of
    coins: over 10. Across, every line is noise on an eighth of its entries, fewer coins than the null's: at most 1, plus
    five spreads sqrt(2 / 127)."""
    planted = stripe(noisy(128, 128, 1e-3, on_grid=True), generator, axis=axis)
    assert gated_stripe_score(planted, axis)["w"] > 10
    assert gated_stripe_score(planted, other)["w"] < 1 + 5 * (2 / 127) ** 0.5


@pytest.mark.parametrize("relative", [3e-4, 1e-2], ids="relative={:g}".format)
def test_the_chance_of_an_entry_is_what_many_draws_show(relative, noisy, generator):
    """Truth: 400 draws of noise, entry by entry: five standard errors of 48 x 32 entries' mean, and the largest of them
    within 5.5 of its own (chances of at least 1/40, for a normal tail)."""
    change = noisy(48, 32, relative, on_grid=True)
    base, spread = change.base["w"], change.norm()["w"] / (48 * 32) ** 0.5
    chance = visible_chance(base, spread)
    draws = [spread * torch.randn(48, 32, generator=generator).double() for _ in range(400)]
    seen = torch.stack([changed_masks(Change({"w": base}, {"w": d}))["w"].double() for d in draws]).mean(0)
    error = (chance * (1 - chance) / 400).sqrt()
    assert abs((seen - chance).mean().item()) < 5 * error.square().mean().sqrt().item() / (48 * 32) ** 0.5
    common = (chance > 1 / 40) & (chance < 39 / 40)
    assert ((seen - chance).abs() / error)[common].max() < 5.5


def test_expected_density_is_the_noises_own(noisy):
    change = noisy(256, 256, 1e-3, on_grid=True)
    chance = visible_chance(change.base["w"], change.norm()["w"] / 256)
    error = (chance * (1 - chance)).sum().sqrt().item() / chance.numel()
    assert change_density(change)["w"] == pytest.approx(chance.mean().item(), abs=5 * error)


def test_what_is_undefined_is_refused(noisy):
    assert numpy.isfinite(stripe_score(noisy(8, 8, 1e-2))["w"])
    with pytest.raises(MeasureError, match="all entries of w changed, or none"):
        stripe_score(noisy(8, 8, 1e-9))
    with pytest.raises(MeasureError, match="unknown axis 'heads': use 'rows' or 'columns'"):
        gated_stripe_score(noisy(8, 8, 1.0), "heads")
    with pytest.raises(MeasureError, match="w has a single stripe"):
        stripe_score(noisy(1, 8, 1e-2))
    with pytest.raises(MeasureError, match="the update of w is zero: what noise of its norm would show"):
        gated_stripe_score(noisy(8, 8, 0.0))
