"""What noise and weight decay alone read on the published RLVR measures, against values measured before.

Weights: Gaussian of spread .02, on the bf16 grid, 512 x 512 (noise) and 768 x 768 (decay), one draw there, another
here. So every tolerance is five standard deviations of the difference of two draws, plus half a unit of the printed digit.
"""

import pytest
import torch

from harness.nulls import decay, noise
from harness.spectra import change_density, kappa, mask_overlap, normalized_spectral_shift

# relative size: bf16 sparsity, M_princ (alpha .3, rank 64), M_low (alpha .3), NSS, kappa
NOISE = {
    3e-4: (0.929, 0.189, 1.000, 1.3e-5, 0.98),
    1e-3: (0.776, 0.202, 0.841, 4.3e-5, 0.96),
    3e-3: (0.474, 0.238, 0.496, 1.3e-4, 0.95),
    1e-2: (0.173, 0.281, 0.349, 4.5e-4, 1.04),
}

# d: bf16 sparsity, NSS and kappa of the weights as stored in bf16
DECAY = {2e-3: (0.963, 1.4e-4, 28), 3e-3: (0.373, 3.1e-3, 475), 5e-3: (0.000, 5.6e-3, 739)}


def grid_weights(side: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    return {"w": (0.02 * torch.randn(side, side, generator=generator)).bfloat16().float()}


def coins(share: float, count: float) -> float:
    """Five standard deviations of the difference of two shares of `count` coins; a printed 1.000 may be .9995."""
    return 5 * (2 * max(share * (1 - share), 5e-4) / count) ** 0.5


@pytest.mark.parametrize("relative", NOISE, ids="relative={:g}".format)
def test_isotropic_noise_has_the_published_signature(relative, generator):
    sparsity, principal, low, nss, drift = NOISE[relative]
    change = noise(grid_weights(512, generator), relative, generator)
    count = 512**2
    moved = (1 - sparsity) * count
    assert 1 - change_density(change)["w"] == pytest.approx(sparsity, abs=coins(sparsity, count) + 5e-4)
    assert mask_overlap(change, "principal", 0.3, rank=64)["w"] == pytest.approx(
        principal, abs=coins(principal, moved) + 5e-4
    )
    assert mask_overlap(change, "low", 0.3)["w"] == pytest.approx(low, abs=coins(low, moved) + 5e-4)
    # kappa is chi^2_512 / 512: spread sqrt(2 / 512) = .0625. NSS goes with its root: half of that, relative.
    spread = 5 * 2**0.5 * (2 / 512) ** 0.5
    assert kappa(change)["w"] == pytest.approx(drift, abs=spread + 5e-3)
    assert normalized_spectral_shift(change)["w"] == pytest.approx(nss, rel=spread / 2 + 0.04)


@pytest.mark.parametrize("d", DECAY, ids="d={:g}".format)
def test_weight_decay_seen_in_bf16_has_the_signature_ascribed_to_sft(d, generator):
    """Which weights pass a midpoint is settled by their place in the binade: coins again, 768^2 of them. The shift is
    the mean of what passed, relative error 1 / sqrt(moved); kappa ~ shift^2 / moved, three times that. Printed to two
    digits (half a unit: 4 % of 1.4e-4, 2 % of 28)."""
    sparsity, nss, drift = DECAY[d]
    change = decay(grid_weights(768, generator), d)
    seen = change.seen_in("bf16")
    moved = 5 * 2**0.5 / ((1 - sparsity) * 768**2) ** 0.5
    assert 1 - change_density(change)["w"] == pytest.approx(sparsity, abs=coins(sparsity, 768**2) + 5e-4)
    assert normalized_spectral_shift(seen)["w"] == pytest.approx(nss, rel=moved + 0.04)
    assert kappa(seen)["w"] == pytest.approx(drift, rel=3 * moved + 0.02)


def test_weight_decay_below_the_grid_is_invisible(generator):
    change = decay(grid_weights(768, generator), 1e-3)
    assert change_density(change)["w"] == 0.0
    assert normalized_spectral_shift(change.seen_in("bf16"))["w"] == 0.0
    assert kappa(change)["w"] == pytest.approx(768, rel=1e-6)
