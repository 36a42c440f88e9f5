import pytest
import torch

from harness.nulls.gated_isotropic import gated_isotropic
from harness.nulls.isotropic import isotropic
from harness.spectra import Change, change_density, changed


def test_it_is_the_difference_of_two_stored_checkpoints(arm, generator):
    """Truth: noise drawn with the same seed, both sides cast by hand."""
    state = generator.get_state()
    gated = gated_isotropic(arm, generator)
    noise = isotropic(arm, generator.set_state(state))
    for name, w0 in arm.base.items():
        after = (w0.double() + noise.update[name]).float().bfloat16()
        assert torch.equal(gated.update[name], after.double() - w0.bfloat16().double())
        assert torch.equal(gated.base[name], w0.bfloat16().float())
        assert torch.equal(gated.update[name] != 0, changed(w0, after))


def test_density_is_that_of_the_noise_it_came_from(arm, generator):
    state = generator.get_state()
    gated, noise = gated_isotropic(arm, generator), isotropic(arm, generator.set_state(state))
    assert change_density(gated) == change_density(noise)
    assert change_density(gated, "fp32")["v"] < 1.0 == change_density(noise, "fp32")["v"]


@pytest.mark.parametrize("relative, kept", [(1e-3, 0.82), (3e-2, 1.0)], ids=["gated", "open"])
def test_rounding_takes_its_share_of_the_norm_after_the_match(relative, kept, generator):
    """Limit: far above the spacing nothing is lost. At 1e-3 the kept share is .8207, spread .0020 over 12 draws at
    512 x 512, so twice that at 256 x 256: five of them."""
    base = (0.02 * torch.randn(256, 256, generator=generator)).bfloat16().float()
    change = Change({"w": base}, {"w": relative * base.double()})
    assert gated_isotropic(change, generator).norm()["w"] / change.norm()["w"] == pytest.approx(kept, abs=0.02)
