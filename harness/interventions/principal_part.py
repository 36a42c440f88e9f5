"""An update projected on or off a block of k left and k right directions of its base: which part carries what was learned?

    sides        on                    off
    both         P_U D P_V             (I - P_U) D (I - P_V)
    left         P_U D                 (I - P_U) D
    right        D P_V                 D (I - P_V)
    any          --                    D - P_U D P_V           both and the two mixed corners

P_U = U_k U_k^T, P_V = V_k V_k^T, of k leading pairs ("principal"), of the k last ("minor"), or of Haar frames ("random"). Of
noise the share k^2/mn of |D|_F^2 lies on the block (both), k/m on the left, k/n on the right.
Source: arXiv 2511.08567, Sec. 4. Here it is the arm's own update; harness.nulls.principal_block and off_principal are noise.
Trap: what is left of D is shorter. Compare with the same projection on a random block of as many directions, and for equal
norms use part.scaled(change.norm() / part.norm()).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError
from harness.interventions.intervened import each
from harness.nulls.haar import haar_frame
from harness.spectra.change import Change, Changed
from harness.spectra.frame import Frame, leading

BLOCKS = ("principal", "minor", "random")


class Block(NamedTuple):
    """Orthonormal columns on the left (m, k) and on the right (n, k), fp64."""

    left: Tensor
    right: Tensor

    def on(self, d: Tensor, side: str = "both") -> Tensor:
        """The part of an update (m, n) on the block."""
        _check_side(side, ("both", "left", "right"))
        d = d.double()
        if side != "right":
            d = self.left @ (self.left.T @ d)
        return d if side == "left" else (d @ self.right) @ self.right.T

    def off(self, d: Tensor, side: str = "both") -> Tensor:
        """The part of an update (m, n) off the block."""
        _check_side(side, ("both", "left", "right", "any"))
        d = d.double()
        if side == "any":
            return d - self.on(d)
        if side != "right":
            d = d - self.left @ (self.left.T @ d)
        return d if side == "left" else d - (d @ self.right) @ self.right.T


def principal_part(
    change: Changed,
    k: int | None = None,
    fraction: float = 1 / 8,
    side: str = "both",
    block: str = "principal",
    generator: torch.Generator | None = None,
) -> Change:
    """The part of an update on a block of its base's directions; without trajectory.

    Args:
        change: whose update is projected.
        k: directions on each side; if None, `fraction` of min(m, n), as in the measures.
        fraction: in (0, 1].
        side: "both", "left" or "right".
        block: "principal", "minor" or "random".
        generator: CPU generator, for "random"; two draws per matrix, by sorted name.

    Raises:
        MeasureError: an unknown side or block, k or fraction out of range, or "random" without a generator.
    """
    label = f"on its {block} block ({side})"
    return each(change.change(), lambda w0, d: _block(w0, k, fraction, block, generator).on(d, side), label)


def off_principal_part(
    change: Changed,
    k: int | None = None,
    fraction: float = 1 / 8,
    side: str = "both",
    block: str = "principal",
    generator: torch.Generator | None = None,
) -> Change:
    """The part of an update off the block; arguments and errors as `principal_part`. Side "any" takes out the block alone."""
    label = f"off its {block} block ({side})"
    return each(change.change(), lambda w0, d: _block(w0, k, fraction, block, generator).off(d, side), label)


def _block(w0: Tensor, k: int | None, fraction: float, block: str, generator: torch.Generator | None) -> Block:
    if block not in BLOCKS:
        raise MeasureError(f"unknown block {block!r}: use one of {', '.join(BLOCKS)}.")
    size = leading(min(w0.shape), k, fraction)
    if block == "random":
        if generator is None:
            raise MeasureError("a random block is drawn: pass a generator.")
        return Block(*(haar_frame(length, size, generator) for length in w0.shape))
    frame = Frame.of(w0)
    taken = slice(None, size) if block == "principal" else slice(len(frame.S) - size, None)
    return Block(frame.U[:, taken], frame.V[:, taken])


def _check_side(side: str, known: tuple[str, ...]) -> None:
    if side not in known:
        raise MeasureError(f"unknown side {side!r} of a block: use one of {', '.join(known)}.")
