import pytest
import torch

from harness.nulls.density_matched import density_matched
from harness.nulls.sparse import sparse
from harness.spectra import Change, change_density, mask_overlap


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_every_matrix_and_snapshot_changes_as_many_entries(dtype, arm, generator):
    """Truth: counts, to the entries that fp32 rounding moves over a midpoint: 1 in 1000 of 1024, and the entry that stays."""
    matched = density_matched(arm, generator, dtype)
    pairs = [(matched, arm)] + [(mine, theirs) for (_, mine), (_, theirs) in zip(matched.trajectory, arm.trajectory, strict=True)]
    for mine, theirs in pairs:
        assert dict(change_density(mine, dtype)) == pytest.approx(dict(change_density(theirs, dtype)), abs=2.5e-3)
    assert torch.count_nonzero(matched.trajectory[0][1].update["v"]) == 0


def test_its_norm_is_another(arm, generator):
    """Limit: an update on a tenth of the entries needs less density than noise of its norm has."""
    few = sparse(arm, generator, density=0.1)
    assert density_matched(few, generator).norm()["v"] < 0.2 * few.norm()["v"]
    assert density_matched(arm, generator).norm()["v"] == pytest.approx(arm.norm()["v"], rel=0.5)


@pytest.mark.parametrize("density, low", [(0.2776, 0.757), (0.4628, 0.544), (0.9273, 0.318)])
def test_density_alone_gives_the_published_overlaps(density, low, generator):
    """Limit: figures measured before on 768 x 768 Gaussian weights; coins there and here (512 x 512)."""
    base = (0.02 * torch.randn(512, 512, generator=generator)).bfloat16().float()
    moved = torch.rand(512, 512, generator=generator) < density
    change = Change({"w": base}, {"w": base.double() * moved})
    assert change_density(change)["w"] == pytest.approx(density, abs=5 * 0.5 / 512)
    error = (low * (1 - low) / (density * 512**2)) ** 0.5
    overlap = mask_overlap(density_matched(change, generator), "low")["w"]
    assert overlap == pytest.approx(low, abs=5 * 2**0.5 * error + 5e-4)


def test_an_update_that_changes_everything_leaves_one_entry(generator):
    """Limit: one of 256, and the last one to show, which fp32 rounds back onto its midpoint."""
    base = torch.ones(16, 16)
    every = Change({"w": base}, {"w": base.double()})
    assert change_density(density_matched(every, generator))["w"] in (254 / 256, 255 / 256)
