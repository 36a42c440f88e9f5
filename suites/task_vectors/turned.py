"""TIES in another basis: what KnOTS does, with any basis in the place of the experts' common one.

    W0 + lam Q^T ties(Q tau_1, ..., Q tau_K),   Q (m, m) orthogonal, drawn by Haar's measure for every matrix

KnOTS trims and elects on S V_i^T = U^T tau_i, U the left vectors of [tau_1 ... tau_K]. A random Q spreads entries as evenly and
knows nothing of the experts: where it does as well, it is not their common basis that helps. All as in KnOTS here: each
matrix is trimmed by itself, vectors are merged as they are.

Source: arXiv 2410.19735; the control is ours.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import harness as h
from suites.task_vectors.specialists import HELD_OUT, TRAINING, lengthened

if TYPE_CHECKING:
    from suites.task_vectors.specialists import Specialists
    from torch import Generator, Tensor

    State = Mapping[str, Tensor]


def turned(base: "State", state: "State", bases: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """The state with the rows of each matrix' update in another basis: W0 + Q tau."""
    return {
        name: (w0.double() + bases[name] @ (state[name].double() - w0.double()) if name in bases else state[name].double())
        for name, w0 in base.items()
    }


def random_bases(base: "State", rng: "Generator") -> dict[str, "Tensor"]:
    """An orthogonal (m, m) for every matrix."""
    import torch

    def haar(m: int) -> "Tensor":
        q, r = torch.linalg.qr(torch.randn(m, m, generator=rng, dtype=torch.float64))
        return q * r.diagonal().sign()  # LAPACK's signs are not Haar's

    return {name: haar(len(w0)) for name, w0 in base.items() if w0.ndim == 2}


def ties_turned(base: "State", states: "list[State]", bases: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """TIES at a factor of 1 in these bases, in the base's dtype."""
    wide = {name: w0.double() for name, w0 in base.items()}
    merged = h.merge("ties", wide, [turned(base, each, bases) for each in states], scope="tensor")
    back = turned(wide, merged, {name: q.T for name, q in bases.items()})
    return {name: back[name].to(w0.dtype) for name, w0 in base.items()}


def best_in_random_bases(specialists: "Specialists", rng: "Generator", factors: tuple[float, ...]) -> float:
    """Held-out value at the factor that is best on training problems, as rules with a grid are tuned."""
    s = specialists
    whole = ties_turned(s.base, s.states, random_bases(s.base, rng))
    at = [lengthened(s.base, whole, lam) for lam in factors]
    values = [s.value(state, TRAINING) for state in at]
    return s.value(at[values.index(max(values))], HELD_OUT)
