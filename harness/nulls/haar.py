"""The arm's own singular values in random frames: D' = P S Q^T, P and Q Haar, S the singular values of D.

The null of every statement about which directions an update prefers: as low in rank as the arm is, so its spread about
chance is the right one. (Isotropic noise is full rank and spreads far less.) |D|_F and every rank are kept.
Source: the replication of arXiv 2511.08567 that compares rho^2 with 20 such draws, |z| > 2 counting.
Trap: QR gives Haar frames only with the signs of R's diagonal put back. Snapshots share P and Q, each with its own S, so
a trajectory is a straight road here; a walk is `random_walk`.
"""

import torch
from torch import Tensor

from harness.nulls.surrogate import at_every_snapshot, gaussian, standing_in
from harness.spectra.change import Change, Changed
from harness.spectra.singular_values import update_values


def haar(change: Changed, generator: torch.Generator) -> Change:
    """An update of the same singular values in every matrix and snapshot, turned at random on both sides."""
    change = change.change()
    frames = {}
    for name in sorted(change.base):
        m, n = change.base[name].shape
        frames[name] = (haar_frame(m, min(m, n), generator), haar_frame(n, min(m, n), generator))

    def turned(like: Change) -> Change:
        update = {}
        for name, values in update_values(like).items():
            p, q = frames[name]
            update[name] = (p * values) @ q.T
        return standing_in(like, update, "null:haar")

    return at_every_snapshot(change, turned)


def haar_frame(m: int, k: int, generator: torch.Generator) -> Tensor:
    """k orthonormal columns of length m, uniform over all such frames, (m, k) fp64."""
    q, r = torch.linalg.qr(gaussian(torch.Size((m, k)), generator))
    return q * torch.where(r.diagonal() < 0, -1.0, 1.0)
