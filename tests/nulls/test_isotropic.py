import torch

from harness.nulls.isotropic import isotropic
from harness.spectra import Change


def test_noise_has_no_preferred_entry_row_or_sign(generator):
    """Limit: mean 0, kurtosis 3, row energies even. Standard errors for 40000 entries: 1/200, sqrt(24/40000),
    sqrt(2/200) per row; five each, and 5.5 for the largest of 200 rows."""
    change = Change.from_weights({"w": torch.zeros(200, 200)}, {"w": torch.ones(200, 200)})
    z = isotropic(change, generator).update["w"]
    z = z / z.square().mean().sqrt()
    assert abs(z.mean().item()) < 5 / 200
    assert abs((z**4).mean().item() - 3) < 5 * (24 / 40_000) ** 0.5
    assert ((z.square().mean(1) - 1).abs() < 5.5 * (2 / 200) ** 0.5).all()


def test_snapshots_share_one_direction(arm, generator):
    road = [snapshot.update["v"] for _, snapshot in isotropic(arm, generator).trajectory]
    assert torch.count_nonzero(road[0]) == 0
    assert torch.allclose(road[1] / road[1].norm(), road[2] / road[2].norm(), rtol=1e-12)
