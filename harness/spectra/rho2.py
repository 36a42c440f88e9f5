"""Share of an update's energy in the leading directions of its base: outputs, inputs, or both.

    rho2_U  = |U_k^T D|_F^2 / |D|_F^2            chance k / m
    rho2_V  = |D V_k|_F^2 / |D|_F^2              chance k / n
    rho2_UV = |U_k^T D V_k|_F^2 / |D|_F^2        chance k^2 / (mn)

Source: the public replication of arXiv 2511.08567 that retracted its mask overlaps for these, with z against a surrogate
of the same singular values in random frames (harness.nulls.haar_z).
Trap: noise of chance level is not the right spread for a low-rank update: rank 1 spreads sqrt(2 / k) about chance on
one side alone. Take z against the spectrum-matched null, not the ratio to chance.
"""

from harness.spectra.block_energy import principal_energy
from harness.spectra.change import Changed
from harness.spectra.frame import Frame, leading
from harness.spectra.per_matrix import PerMatrix


def rho2_u(change: Changed, k: int | None = None, fraction: float = 1 / 8) -> PerMatrix:
    """Energy share in the k leading left directions of each matrix, in [0, 1].

    Args:
        change: the update to read.
        k: number of leading directions; if None, `fraction` of min(m, n), rounded, at least 1.
        fraction: in (0, 1]; used where k is None.

    Raises:
        MeasureError: an update is zero, or k is larger than a matrix.
    """
    return _share(change, k, fraction, lambda frame, d, size: frame.U[:, :size].T @ d)


def rho2_v(change: Changed, k: int | None = None, fraction: float = 1 / 8) -> PerMatrix:
    """Energy share in the k leading right directions of each matrix, in [0, 1]. As `rho2_u`."""
    return _share(change, k, fraction, lambda frame, d, size: d @ frame.V[:, :size])


def rho2_uv(change: Changed, k: int | None = None, fraction: float = 1 / 8) -> PerMatrix:
    """Energy share between the k leading directions of both sides, in [0, 1]: `principal_energy`."""
    return principal_energy(change, k, fraction)


def _share(change: Changed, k: int | None, fraction: float, project) -> PerMatrix:
    change = change.change()
    norms = change.nonzero_norm("the share of its energy")
    energy = {}
    for name, w0 in change.base.items():
        inside = project(Frame.of(w0), change.update[name], leading(min(w0.shape), k, fraction))
        energy[name] = inside.square().sum().item()
    return change.per_matrix(energy) / norms**2
