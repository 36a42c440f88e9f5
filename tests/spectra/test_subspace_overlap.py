from math import cos, sin

import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import chance_overlap, noise_overlap, overlaps_in_time, principal_angles, subspace_overlap


def spanned(basis, generator):
    """A matrix whose leading left space is that of the basis (m, k), well above the rest."""
    m, k = basis.shape
    right = torch.linalg.qr(torch.randn(m, k, generator=generator, dtype=torch.float64)).Q
    return (basis * torch.linspace(10, 5, k, dtype=torch.float64)) @ right.T


@pytest.mark.parametrize("theta", [0.0, 0.3, 1.2])
def test_a_planted_tilt_is_recovered(theta, generator):
    """Truth: one of four directions tilted by theta leaves (3 + cos^2 theta) / 4; it shows on the left alone."""
    q = torch.linalg.qr(torch.randn(32, 5, generator=generator, dtype=torch.float64)).Q
    tilted = q[:, :4].clone()
    tilted[:, 0] = cos(theta) * q[:, 0] + sin(theta) * q[:, 4]
    right = torch.Generator().manual_seed(3)
    a, b = ({"w": spanned(basis, right.manual_seed(3))} for basis in (q[:, :4], tilted))
    assert subspace_overlap(a, b, 4)["w"] == pytest.approx((3 + cos(theta) ** 2) / 4, abs=1e-12)
    assert subspace_overlap(a, b, 4, "right")["w"] == pytest.approx(1.0, abs=1e-12)


def test_it_is_the_mean_squared_cosine_of_the_principal_angles(generator):
    """Truth: another formula, on noise."""
    a, b = (torch.randn(40, 24, generator=generator, dtype=torch.float64) for _ in range(2))
    bases = [torch.linalg.svd(x).U[:, :6] for x in (a, b)]
    truth = principal_angles(*bases).cos().square().mean().item()
    assert subspace_overlap({"w": a}, {"w": b}, 6)["w"] == pytest.approx(truth, abs=1e-12)


def test_scale_and_sign_do_not_matter(generator):
    a = {"w": torch.randn(16, 12, generator=generator)}
    assert subspace_overlap(a, {"w": -1e-12 * a["w"]}, 3)["w"] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("m, n, side", [(64, 64, "left"), (192, 64, "left"), (192, 64, "right")])
def test_independent_noise_meets_at_chance(m, n, side, generator):
    """Limit: k / m or k / n; five standard errors of one pair."""
    a, b = ({"w": torch.randn(m, n, generator=generator)} for _ in range(2))
    chance = chance_overlap(a, 16, side)["w"]
    assert chance == 16 / (m if side == "left" else n)
    assert subspace_overlap(a, b, 16, side)["w"] == pytest.approx(chance, rel=5 * 2**0.5 / 16)


@pytest.mark.parametrize(
    "cosine, reads", [(0.0, 0.25), (0.5, 0.39), (0.8, 0.63), (0.9, 0.76), (0.99, 0.966), (1.0, 1.0), (-1.0, 1.0)]
)
def test_noise_overlaps_by_its_cosine_alone(cosine, reads, generator):
    """Trap: figures of the module, 64 x 64 at k = 16."""
    found = noise_overlap({"w": torch.empty(64, 64)}, {"w": cosine}, 16, generator, draws=6)
    assert found["w"] == pytest.approx(reads, abs=0.03)


def test_a_momentum_of_noise_looks_frozen_and_its_null_says_so(generator):
    """Trap: beta .9 reads .77 where chance is .25; noise of that cosine reads the same; plain gradients read chance."""
    momentum, kept, plain = torch.zeros(64, 64), [], []
    for step in range(64):
        g = torch.randn(64, 64, generator=generator)
        momentum = 0.9 * momentum + 0.1 * g
        if step >= 60:
            kept.append({"w": momentum.clone()})
            plain.append({"w": g})
    curve = overlaps_in_time(kept, 16)
    assert len(curve.consecutive) == len(curve.against_first) == len(curve.cosine) == 3
    for overlap, cosine in zip(curve.consecutive, curve.cosine, strict=True):
        assert cosine["w"] == pytest.approx(0.9, abs=0.02)
        assert overlap["w"] > 0.7
        assert overlap["w"] == pytest.approx(noise_overlap(kept[0], cosine, 16, generator)["w"], abs=0.05)
    fresh = overlaps_in_time(plain, 16)
    assert all(overlap["w"] == pytest.approx(0.25, abs=0.1) for overlap in (*fresh.consecutive, *fresh.against_first))


def test_a_persistent_space_exceeds_noise_of_its_cosine(generator):
    """Plant: four fixed directions of growing weight in fresh noise; overlap at k = 4 near 1 at a cosine near .6."""
    q = torch.linalg.qr(torch.randn(48, 4, generator=generator)).Q
    signal = 60 * q @ torch.linalg.qr(torch.randn(48, 4, generator=generator)).Q.T
    snapshots = [{"w": signal + 2 * torch.randn(48, 48, generator=generator)} for _ in range(3)]
    curve = overlaps_in_time(snapshots, 4)
    for overlap, cosine in zip(curve.consecutive, curve.cosine, strict=True):
        assert overlap["w"] > noise_overlap(snapshots[0], cosine, 4, generator)["w"] + 0.15
    assert curve.against_first[-1]["w"] > 0.8 > 9 * curve.chance["w"]


def test_pairs_are_those_named(generator):
    """Truth: each pair by itself."""
    snapshots = [{"a": torch.randn(12, 8, generator=generator), "b": torch.randn(8, 12, generator=generator)} for _ in range(3)]
    curve = overlaps_in_time(snapshots, 3, "right")
    for i in (0, 1):
        assert dict(curve.consecutive[i]) == pytest.approx(dict(subspace_overlap(snapshots[i], snapshots[i + 1], 3, "right")))
        assert dict(curve.against_first[i]) == pytest.approx(dict(subspace_overlap(snapshots[0], snapshots[i + 1], 3, "right")))
    flat = [snapshots[i]["a"].flatten() for i in (0, 1)]
    assert curve.cosine[0]["a"] == pytest.approx(torch.cosine_similarity(*flat, dim=0).item(), abs=1e-6)


def test_what_is_undefined_is_refused(generator):
    full = {"w": torch.randn(8, 6, generator=generator)}
    thin = {"w": full["w"][:, :2] @ torch.randn(2, 6, generator=generator)}
    with pytest.raises(MeasureError, match="the gradient of w has rank 2: directions beyond are arbitrary; choose k at most 2"):
        subspace_overlap(full, thin, 3)
    with pytest.raises(MeasureError, match="k = 7 leading directions of a matrix that has 6"):
        subspace_overlap(full, full, 7)
    with pytest.raises(MeasureError, match=r"w is \(8, 6\) on one side and \(6, 8\) on the other"):
        subspace_overlap(full, {"w": full["w"].T}, 2)
    with pytest.raises(MeasureError, match="unknown side 'up'"):
        subspace_overlap(full, full, 2, "up")
    with pytest.raises(MeasureError, match="1 snapshot has no past"):
        overlaps_in_time([full], 2)
    with pytest.raises(MeasureError, match=r"the cosine of w is 1.5: it must lie in \[-1, 1\]"):
        noise_overlap(full, {"w": 1.5}, 2, generator)
    with pytest.raises(MeasureError, match="holds entries that are not finite"):
        subspace_overlap(full, {"w": full["w"] / 0}, 2)
