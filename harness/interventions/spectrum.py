"""Singular values exchanged while the frames stay: which of the two carries what was learned?

    W0 = U0 S0 V0^T,   W = W0 + D = U S V^T
    restored     U [(1 - a) S0 + a S] V^T         tuned frames; a = 0 restores the base's spectrum, a = 1 is W
    alone        U0 [(1 - a) S0 + a S] V0^T       base frames; a = 1 is the tuned spectrum and nothing else
    swapped      U S' V^T                         tuned frames, the spectrum of another run

Values are paired by rank. With a = 0 `restored` is the point of the isospectral family F(W0) = {P S0 Q^T} nearest to W, and the
way there is |sigma(W) - sigma(W0)|_2 long (Mirsky). All are computed as W or W0 plus a correction, so that what is not changed
keeps every bit, and a = 1 (a = 0 for `alone`) gives D (0) back exactly.
Source: arXiv 2607.19331 (ISO), interventions as quoted second-hand; I3 and I4 of the sheet's 2.5, H19.
Trap: at small |D| most of D lies in the frames for any update whatever (|d sigma| = |D| / sqrt(max(m, n)) for noise): a gain
that survives says little before `random_spectrum` and supervised arms were put beside it.
Trap: where singular values nearly meet, frames are not unique and exchanging their values moves W by more than it says here.
"""

from torch import Tensor

from harness.errors import MeasureError
from harness.interventions.intervened import check_same_shapes, each, intervened
from harness.spectra.change import Change, Changed
from harness.spectra.frame import Frame


def with_spectrum(matrix: Tensor, values: Tensor) -> Tensor:
    """The matrix with other singular values in its own frames: U diag(values) V^T.

    Args:
        matrix: (m, n), any floating dtype, finite.
        values: (q,), q = min(m, n), paired with the matrix's own from the largest down; may be in any order and of any sign.

    Returns:
        (m, n) fp64, at a distance |values - sigma(matrix)|_2.

    Raises:
        MeasureError: another number of values.
    """
    frame = Frame.of(matrix)
    if values.shape != frame.S.shape:
        raise MeasureError(f"{values.numel()} singular values for a matrix that has {len(frame.S)}: give one for each.")
    return matrix.double() + frame_sum(frame, values.double() - frame.S)


def frame_sum(frame: Frame, values: Tensor) -> Tensor:
    """sum_i values_i u_i v_i^T, (m, n) fp64."""
    return (frame.U * values) @ frame.V.T


def restored_spectrum(change: Changed, a: float = 0.0) -> Change:
    """The tuned frames with a spectrum on the way from the base's to the tuned one.

    Args:
        change: read at its end; the result has no trajectory.
        a: 0 restores the spectrum of the base, 1 changes nothing; outside [0, 1] it extrapolates.
    """

    def new(w0: Tensor, d: Tensor) -> Tensor:
        tuned = tuned_frame(w0, d)
        return d + frame_sum(tuned, (1 - a) * (Frame.of(w0).S - tuned.S))

    return each(change.change(), new, f"spectrum at a = {a:g}")


def spectrum_alone(change: Changed, a: float = 1.0) -> Change:
    """The base's frames with a spectrum on the way from its own to the tuned one.

    Args:
        change: its tuned spectrum is taken.
        a: 1 takes all of it, 0 changes nothing.
    """

    def new(w0: Tensor, d: Tensor) -> Tensor:
        base = Frame.of(w0)
        return frame_sum(base, a * (tuned_frame(w0, d).S - base.S))

    return each(change.change(), new, f"its spectrum alone at a = {a:g}")


def swapped_spectrum(change: Changed, other: Changed) -> Change:
    """The tuned frames of one run with the tuned spectrum of another.

    Args:
        change: gives base and frames.
        other: gives the singular values of W0 + D; the same matrices, whatever its base.

    Raises:
        MeasureError: other matrices or shapes.
    """
    change, other = change.change(), other.change()
    check_same_shapes(change, other)
    update = {}
    for name, w0 in change.base.items():
        tuned = tuned_frame(w0, change.update[name])
        values = tuned_frame(other.base[name], other.update[name]).S
        update[name] = change.update[name] + frame_sum(tuned, values - tuned.S)
    return intervened(change, update, f"spectrum of {other.label}")


def tuned_frame(w0: Tensor, d: Tensor) -> Frame:
    """The frame of W0 + D, added in fp64."""
    return Frame.of(w0.double() + d)
