import pytest
import torch

from harness.nulls.haar import haar, haar_frame
from harness.nulls.low_rank import low_rank
from harness.spectra import matrix_rank, rho2_u, stable_rank


def test_the_singular_values_of_every_snapshot_are_kept(arm, generator):
    """Truth: svdvals of both; the values come from a Gram matrix, error 1e-13 at these conditions."""
    made = haar(arm, generator)
    for (_, mine), (_, theirs) in zip(((0, made), *made.trajectory), ((0, arm), *arm.trajectory), strict=True):
        for name, d in theirs.update.items():
            before, after = torch.linalg.svdvals(d), torch.linalg.svdvals(mine.update[name])
            assert after.tolist() == pytest.approx(before.tolist(), rel=1e-9, abs=1e-15)
    assert dict(stable_rank(made)) == pytest.approx(dict(stable_rank(arm)))
    assert dict(matrix_rank(haar(low_rank(arm, generator, rank=3), generator))) == {"v": 3.0, "o": 3.0}


@pytest.mark.parametrize("m, k", [(16, 16), (40, 8)])
def test_frames_are_orthonormal_and_without_a_preferred_sign(m, k, generator):
    """Limit: mean entry 0 and mean square 1/m over 400 frames, also of the diagonal, where bare QR is never positive.
    Standard errors 1 / sqrt(400 m k), and on the diagonal 1 / sqrt(400 m) for the mean over its k entries at least."""
    frames = torch.stack([haar_frame(m, k, generator) for _ in range(400)])
    assert torch.allclose(frames.mT @ frames, torch.eye(k, dtype=torch.float64).expand(400, k, k), atol=1e-13)
    assert abs(frames.mean().item()) < 5 / (400 * m * k) ** 0.5
    diagonal = frames.diagonal(dim1=1, dim2=2)
    assert abs(diagonal.mean().item()) < 5 / (400 * m) ** 0.5
    assert diagonal.square().mean().item() == pytest.approx(1 / m, rel=5 * (2 / 400) ** 0.5)


def test_a_low_rank_update_spreads_about_chance_more_than_noise_does(arm, generator):
    """Limit: the share of one Haar column in k = 4 of 32 directions is Beta(2, 14): spread sqrt(7/8 / 8.5) of its mean, .32;
    that of noise is sqrt(2 / (4 x 32)) = .125. Forty draws, relative error of a spread 1 / sqrt(80): five of them."""
    one = low_rank(arm, generator, rank=1)
    shares = {}
    for label, change in (("one", one), ("all", arm)):
        draws = torch.tensor([rho2_u(haar(change, generator))["o"] for _ in range(40)], dtype=torch.float64)
        shares[label] = draws.std().item() / (4 / 32)
    k, m = 4, 32
    assert shares["one"] == pytest.approx((2 * (m - k) / (k * (m + 2))) ** 0.5, rel=5 / 80**0.5)
    assert shares["all"] < 0.5 * shares["one"]
