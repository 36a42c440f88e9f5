"""Where one update lies relative to its base's singular directions, and what of the base it keeps, in numbers beside chance.

With W0 = U S V^T, D = W1 - W0, C = U^T D V and k leading (principal) or trailing (minor) directions:

    resid           |sigma(W1) - sigma(W0)| / |D|_F, less what rounding W1 to fp32 can do   0: W1 = P S Q^T
    left_gram       |W1 W1^T - W0 W0^T|_F / |W0 W0^T|_F      0: W1 = W0 Q, the left frame and sigma stay
    right_gram      the same of W^T W                        0: W1 = Q W0
    p_left, p_right |U_k^T D|^2, |D V_k|^2 over |D|^2        k/m and k/n of noise
    m_left, m_right the same of the k trailing directions
    core            |U_k^T D V_k|^2 / |D|^2                  k^2/(mn) of noise
    diagonal        sum_i C_ii^2 / |D|^2                     q/(mn) of noise; 1: only singular values move
    beyond, beyond2 energy outside the best k and 2k directions of D itself
    pairs           energy of D's rows outside the span of the same row of W0 and the one other row that helps most
    scaling         energy of D's rows outside the same row of W0, or of its columns outside the same column: the smaller
    rank, stable    s_i > 1e-5 s_1 of D; |D|_F^2 / |D|_2^2

Source: the sheet peft_merge, 0 (names and chance levels).
Trap: resid of an update far below the weights is rounding: 6e-8 |W1| in every entry. Four times that is taken off, so a tiny
update reads 0, not evidence. `rel` beside it says how large it was.
Trap: a rotation W0 Q has its left energy on the principal directions by construction (D = W0 (Q - I)): keeping the spectrum is
not keeping off the principal.
"""

from math import sqrt
from typing import NamedTuple

import torch
from harness.errors import MeasureError
from harness.spectra.effective_rank import stable_rank_of
from harness.spectra.frame import Frame
from harness.spectra.singular_values import singular_values
from torch import Tensor

ROUNDING = 4 * 2.0**-24
RANK = 1e-5


class Footprint(NamedTuple):
    """What one update did to one matrix; see the module for every number. Shares are in [0, 1]."""

    rel: float
    nss: float
    resid: float
    left_gram: float
    right_gram: float
    p_left: float
    p_right: float
    m_left: float
    m_right: float
    core: float
    diagonal: float
    beyond: float
    beyond2: float
    pairs: float
    scaling: float
    rank: int
    stable: float
    chance_resid: float
    chance_left: float
    chance_right: float
    chance_core: float
    chance_diagonal: float


def footprint(w0: Tensor, w1: Tensor, k: int) -> Footprint:
    """Read one update.

    Args:
        w0, w1: (m, n) before and after, any floating dtype.
        k: directions counted, 1 to half of the smaller side.

    Raises:
        MeasureError: k out of range, shapes that differ, or nothing moved.
    """
    (m, n), q = w0.shape, min(w0.shape)
    if w0.shape != w1.shape:
        raise MeasureError(f"An update has one shape, not {tuple(w0.shape)} before and {tuple(w1.shape)} after.")
    if not 1 <= k <= q // 2:
        raise MeasureError(f"k = {k} leading and k trailing of {q} directions: choose k from 1 to {q // 2}.")
    frame, a, b = Frame.of(w0), w0.double(), w1.double()
    d = b - a
    norm = torch.linalg.vector_norm(d).item()
    if norm == 0.0:
        raise MeasureError("The update is zero: it lies nowhere.")
    size = torch.linalg.vector_norm(a).item()
    shift = torch.linalg.vector_norm(singular_values(b) - frame.S).item()
    values = torch.linalg.svdvals(d)
    energy, (left, right) = norm**2, (frame.U.T @ d, d @ frame.V)
    c = left @ frame.V
    share = lambda part: min(1.0, part.square().sum().item() / energy)  # noqa: E731
    return Footprint(
        rel=norm / size,
        nss=shift / size,
        resid=max(0.0, shift - ROUNDING * torch.linalg.vector_norm(b).item()) / norm,
        left_gram=_relative(b @ b.T, a @ a.T),
        right_gram=_relative(b.T @ b, a.T @ a),
        p_left=share(left[:k]),
        p_right=share(right[:, :k]),
        m_left=share(left[-k:]),
        m_right=share(right[:, -k:]),
        core=share(c[:k, :k]),
        diagonal=share(c.diagonal()),
        beyond=share(values[k:]),
        beyond2=share(values[2 * k :]),
        pairs=_outside_pairs(a, d),
        scaling=min(_outside_own_row(a, d), _outside_own_row(a.T, d.T)),
        rank=int((values > RANK * values[0]).sum()),
        stable=stable_rank_of(values),
        chance_resid=1 / sqrt(max(m, n)),
        chance_left=k / m,
        chance_right=k / n,
        chance_core=k * k / (m * n),
        chance_diagonal=q / (m * n),
    )


def _relative(now: Tensor, before: Tensor) -> float:
    return (torch.linalg.vector_norm(now - before) / torch.linalg.vector_norm(before)).item()


def _beside_own_row(w0: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of W0 at length 1, and of D what its own row of W0 leaves; (m, n) each."""
    own = w0 / torch.linalg.vector_norm(w0, dim=1, keepdim=True)
    return own, d - (d * own).sum(1, keepdim=True) * own


def _outside_own_row(w0: Tensor, d: Tensor) -> float:
    return (_beside_own_row(w0, d)[1].square().sum() / d.square().sum()).item()


def _outside_pairs(w0: Tensor, d: Tensor) -> float:
    own, left = _beside_own_row(w0, d)
    # another row, less its part along row i, has the squared length 1 - (own_i . own_j)^2
    taken = (left @ own.T).square() / (1 - (own @ own.T).square()).clamp(min=1e-12)
    taken.fill_diagonal_(0.0)
    rest = left.square().sum(1) - taken.amax(1)
    return (rest.clamp(min=0.0).sum() / d.square().sum()).item()


class OnTheWay(NamedTuple):
    """What a path of updates used of one matrix; shares in [0, 1].

    Attributes:
        left, right: energy outside the best half of the directions on each side. Noise of many steps has about half there, an
            update on fixed directions none.
        entries: share of the entries that ever moved.
    """

    left: float
    right: float
    entries: float


class Path:
    """Gathers the updates of a path, every step counting as much whatever its length."""

    def __init__(self) -> None:
        self._left: dict[str, Tensor] = {}
        self._right: dict[str, Tensor] = {}
        self._entries: dict[str, Tensor] = {}

    def add(self, name: str, d: Tensor) -> None:
        """An update (m, n) of a matrix since the start, not zero."""
        unit = d.double() / torch.linalg.vector_norm(d.double())
        self._left[name] = self._left.get(name, 0.0) + unit @ unit.T
        self._right[name] = self._right.get(name, 0.0) + unit.T @ unit
        self._entries[name] = self._entries.get(name, False) | (d != 0)

    def read(self) -> dict[str, OnTheWay]:
        """By matrix."""
        return {
            name: OnTheWay(_beyond_half(left), _beyond_half(self._right[name]), self._entries[name].double().mean().item())
            for name, left in self._left.items()
        }


def _beyond_half(gram: Tensor) -> float:
    values = torch.linalg.eigvalsh(gram).clamp(min=0.0)  # smallest first
    return (values[: len(values) // 2].sum() / values.sum()).item()
