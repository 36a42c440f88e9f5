"""The scale at which a stored entry shows, against casting at many scales."""

import torch
from pytest import approx, mark, raises

from harness.errors import MeasureError
from harness.spectra import Change, change_density
from harness.spectra.bf16_change import changed
from harness.spectra.visibility import at_density, visibility_scale


def change(seed: int, grid: bool, shape=(120, 80)) -> Change:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(shape, generator=generator) * 0.02
    base = base.bfloat16().float() if grid else base
    return Change({"w": base}, {"w": torch.randn(shape, generator=generator, dtype=torch.float64)})


@mark.parametrize("dtype", ["bf16", "fp16"])
@mark.parametrize("grid", [False, True], ids="grid={}".format)
def test_entry_shows_above_its_scale_and_not_below(grid, dtype):
    """Truth: cast the weights a tenth below and above each entry's own scale.

    The cast passes through fp32, whose step is 2^-13 of an fp16 step: distances under 2^-14 / .1 of a step, 0.12 % of a
    uniform share, cannot be told from the boundary.
    """
    one = change(0, grid)
    w0, d = one.base["w"], one.update["w"]
    scale = visibility_scale(w0, d, dtype)
    for factor, shown in ((0.9, False), (1.1, True)):
        moved = changed(w0, w0.double() + d * scale * factor, dtype)
        assert moved.float().mean().item() == approx(float(shown), abs=0.003)


@mark.parametrize("density", [0.01, 0.2776, 0.9273], ids="density={}".format)
@mark.parametrize("grid", [False, True], ids="grid={}".format)
def test_density_is_met_to_a_few_entries(grid, density):
    """fp32 rounding of W0 + D moves entries that sit on a boundary: at most 1 in 1000 here."""
    stretched = at_density(change(1, grid), density)
    assert change_density(stretched)["w"] == approx(density, abs=1e-3)


def test_zero_entries_never_show():
    one = change(2, True)
    update = one.update["w"].clone()
    update[:, ::2] = 0.0
    half = Change(one.base, {"w": update})
    assert visibility_scale(one.base["w"], update)[:, ::2].isinf().all()
    with raises(MeasureError, match="zero in too many entries"):
        at_density(half, 0.6)


@mark.parametrize("density", [0.0, 1.0, -0.2])
def test_density_outside_the_open_interval_is_refused(density):
    with raises(MeasureError, match="strictly between 0 and 1"):
        at_density(change(3, True), density)
