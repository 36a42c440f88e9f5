"""How much of the perturbation bound on the leading subspaces an update uses, and whether the bound says anything.

    max(sin theta(U_k), sin theta(V_k)) <= 2 |D|_2 / (sigma_k - sigma_(k+1))        sigma of W0 alone
    wedin_ratio = left / right, at most 1;   vacuous where right >= 1

Source: Wedin 1972 bounds the sines by |D|_2 / (sigma_k(W0) - sigma_(k+1)(W)), a gap between both matrices; Weyl takes that
to the gap of W0 less |D|_2. Where |D|_2 is under half the gap of W0 the constant 2 follows, elsewhere the right side
is 1 or more and holds by itself. arXiv 2511.08567, Thm. 3.3 has the gap of W0 and no 2.
Trap: the theorem holds for any update, so it cannot tell principal from off-principal; and at 512 x 512, relative size 1e-3,
k = 64 its right side is 2.2 on Gaussian weights: read the vacuous fraction before the ratio.
"""

from harness.spectra.change import Changed
from harness.spectra.frame import Frame
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.singular_values import update_values
from harness.spectra.subspace_rotation import rotation


def wedin_bound(change: Changed, k: int | None = None, fraction: float = 1 / 8, gapped: bool = True) -> PerMatrix:
    """The right side of each matrix, not negative; inf without a gap.

    Args:
        change: the update to read.
        k, fraction, gapped: where the spectrum is cut, as in `rotation`.

    Raises:
        MeasureError: an update is zero, or k is larger than a matrix.
    """
    return _sides(change, k, fraction, gapped)[1]


def wedin_ratio(change: Changed, k: int | None = None, fraction: float = 1 / 8, gapped: bool = True) -> PerMatrix:
    """Largest sine of both sides over the bound, in [0, 1] by the theorem, up to rounding. 0 without a gap.

    Raises:
        MeasureError: as `wedin_bound`.
    """
    sines, bound = _sides(change, k, fraction, gapped)
    return sines / bound


def wedin_vacuous(change: Changed, k: int | None = None, fraction: float = 1 / 8, gapped: bool = True) -> PerMatrix:
    """1 where the bound is 1 or more and so says nothing, 0 elsewhere; its mean over matrices is the vacuous fraction.

    Raises:
        MeasureError: as `wedin_bound`.
    """
    bound = wedin_bound(change, k, fraction, gapped)
    return change.change().per_matrix({name: float(value >= 1.0) for name, value in bound.items()})


def _sides(change: Changed, k: int | None, fraction: float, gapped: bool) -> tuple[PerMatrix, PerMatrix]:
    change = change.change()
    change.nonzero_norm("the room its perturbation bound leaves")
    turned = rotation(change, "both", k, fraction, gapped)
    gaps = {}
    for name, w0 in change.base.items():
        values, cut = Frame.of(w0).S, int(turned.k[name])
        gaps[name] = (values[cut - 1] - (values[cut] if cut < len(values) else 0.0)).item()
    longest = change.per_matrix({name: values[0].item() for name, values in update_values(change).items()})
    return turned.sine, 2 * longest / gaps
