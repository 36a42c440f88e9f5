"""The parametric gradient of Lemma 3.3, descended, and the lemma's bound on its stable rank.

    G_t = mean of A_i - B_i W_t C_i,   W <- W + eta G;   S = mean of C_i (x) B_i,   vec(G_t) = (I - eta S)^t vec(G_0)
    sr(G_t) <= sr(P) + rho^(2 t) |G_0 - P|_F^2 / |P|_2^2,   rho = (1 - eta l2) / (1 - eta l1)

vec stacks columns; l1 < l2 are the two smallest distinct eigenvalues of S, P the part of G_0 in the eigenspace of l1.
Source: GaLore 2403.03507, Lemma 3.3 (proof: B.3); recipe E1 of the sheet, eta = 1 / largest eigenvalue.
Trap: S must have full rank. With rank-one C_i and fewer terms than columns l1 is 0, G_0 has no part there and P = 0.
Trap: sr <= 12 here whatever happens. A bound above 12 holds and says nothing; `Course` has the bound, so that this is counted.
Trap: the proof of |G_t|_2 >= (1 - eta l1)^t |P|_2 takes the singular dyads of P for members of the eigenspace. They are
where P has rank one; where it has not, G_t may be shorter than that: `pair` draws such a case in 2 x 2.
"""

from typing import TYPE_CHECKING, NamedTuple

from harness.errors import SpecError

if TYPE_CHECKING:
    from torch import Generator, Tensor

OPERATORS = ("mixture", "flat", "rotated", "decomposable")
STEPS, VANISHED = 3000, 1e-10


class Problem(NamedTuple):
    """One draw, fp64.

    Attributes:
        target: vec of the mean of A_i, (mn,).
        operator: S, (mn, mn).
        start: vec(W_0).
        rate: eta.
        shape: (m, n).
    """

    target: "Tensor"
    operator: "Tensor"
    start: "Tensor"
    rate: float
    shape: tuple[int, int]


class Course(NamedTuple):
    """Stable ranks sr(G_t) and the lemma's bound on each, (T,) fp64; T steps until |G| <= 1e-10 |W|. `parallel`: sr(P)."""

    ranks: "Tensor"
    bound: "Tensor"
    parallel: float


def drawn(
    rng: "Generator", operator: str = "mixture", gap: float = 0.0, shape: tuple[int, int] = (12, 16), terms: int = 4
) -> Problem:
    """E1: B_i = b b^T / m + .05 I, C_i = c c^T / n + .05 I, all else Gaussian.

    Args:
        rng: draws every b, c, A in turn, then W_0.
        operator: "mixture" is that S. The others are controls with its rate: "flat" has its smallest eigenvalue everywhere,
            "rotated" its eigenvalues in random eigenvectors, "decomposable" likewise but for the first, which is y (x) z.
        gap: added to all eigenvalues but the smallest, in units of the largest.
        shape, terms: m, n and N.

    Raises:
        SpecError: an unknown operator.
    """
    import torch

    if operator not in OPERATORS:
        raise SpecError(f"unknown operator {operator!r}: use one of {', '.join(OPERATORS)}.")
    m, n = shape
    total, target = torch.zeros(m * n, m * n, dtype=torch.float64), torch.zeros(m, n, dtype=torch.float64)
    for _ in range(terms):
        b, c, a = (_gaussian(rng, *size) for size in ((m, m), (n, n), (m, n)))
        left, right = (x @ x.T / len(x) + 0.05 * torch.eye(len(x), dtype=torch.float64) for x in (b, c))
        total, target = total + torch.kron(right, left) / terms, target + a / terms
    start = _gaussian(rng, m, n)
    values, vectors = torch.linalg.eigh(total)
    largest = values[-1].item()
    if operator == "flat":
        values = torch.full_like(values, values[0].item())
    if operator in ("rotated", "decomposable"):
        frame = _gaussian(rng, m * n, m * n)
        if operator == "decomposable":
            frame[:, 0] = torch.kron(_gaussian(rng, n), _gaussian(rng, m))
        vectors = torch.linalg.qr(frame).Q
    values = torch.cat([values[:1], values[1:] + gap * largest])
    built = total if operator == "mixture" and not gap else (vectors * values) @ vectors.T
    return Problem(_vec(target), built, _vec(start), 1 / (largest * (1 + gap)), shape)


def pair(rng: "Generator", side: float = -1.0) -> Problem:
    """A mixture of six products of 2 x 2 matrices whose smallest eigenvector has rank two, and G_0 = P + b (the next one).

        N S = x (I + X(x)X) + z (I - Z(x)Z) + 2 I + Z(x)I + I(x)Z,   X, Z the Pauli matrices:
        each bracket is a sum of products of projections, as I + X(x)X = 2 (P+ (x) P+ + P- (x) P-)

    All of it happens among diagonal matrices: z is so large that the two eigenvectors in their span come first.

    Args:
        rng: draws x in [1.5, 3], z, and |b| in [.5, 2].
        side: sign of b; -1 takes from the leading singular direction of P, +1 adds to it.
    """
    import torch

    x, extra, size = (low + (high - low) * _uniform(rng) for low, high in ((1.5, 3.0), (1.1, 1.5), (0.5, 2.0)))
    root = (4 + x * x) ** 0.5
    z = extra * (x + root) / 2
    one = torch.eye(2, dtype=torch.float64)
    flip, sign = one.flip(0), torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    whole = torch.kron(one, one)
    operator = (
        x * (whole + torch.kron(flip, flip))
        + z * (whole - torch.kron(sign, sign))
        + (2 * whole + torch.kron(sign, one) + torch.kron(one, sign))
    )
    first = torch.tensor([-x, 2 + root], dtype=torch.float64) / ((2 + root) ** 2 + x * x) ** 0.5
    second = torch.stack([first[1], -first[0]])  # positive on both: adding it lengthens the leading entry of `first`
    gradient = torch.diag(first + side * size * second)
    rate = 1 / torch.linalg.eigvalsh(operator)[-1].item()
    return Problem(_vec(gradient), operator, torch.zeros(4, dtype=torch.float64), rate, (2, 2))


def gradients(problem: Problem, steps: int = STEPS) -> "Tensor":
    """G_0, G_1, ... while |G| > 1e-10 |W|, (T, m, n).

    G follows its own recursion: as a difference of A and B W C it would hold 1e-16 |W| of rounding, 1e-6 of itself at the end.
    """
    import torch

    w, found = problem.start, []
    g = problem.target - problem.operator @ w
    for _ in range(steps):
        if g.norm() <= VANISHED * w.norm():
            break
        found.append(g)
        w, g = w + problem.rate * g, g - problem.rate * (problem.operator @ g)
    m, n = problem.shape
    return torch.stack(found).view(-1, n, m).transpose(1, 2)


def course(problem: Problem, steps: int = STEPS) -> Course:
    """Descends, and reads ranks and bound at every step."""
    import torch

    seen = gradients(problem, steps)
    m, n = problem.shape
    values, vectors = torch.linalg.eigh(problem.operator)
    lowest = values <= values[0] + 1e-10 * values[-1]
    first = _vec(seen[0])
    kept = vectors[:, lowest] @ (vectors[:, lowest].T @ first)
    spectral = torch.linalg.matrix_norm(kept.view(n, m), 2).item()
    parallel = (kept.norm() / spectral).square().item()
    bound = torch.full((len(seen),), parallel, dtype=torch.float64)
    if not lowest.all():
        ratio = (1 - problem.rate * values[~lowest][0]) / (1 - problem.rate * values[0])
        steps_taken = torch.arange(len(seen), dtype=torch.float64)
        bound = bound + ratio ** (2 * steps_taken) * ((first - kept).norm() / spectral).square()
    return Course(_stable_ranks(seen), bound, parallel)


def _stable_ranks(matrices: "Tensor") -> "Tensor":
    import torch

    values = torch.linalg.svdvals(matrices)
    return (values / values[:, :1]).square().sum(1)


def _vec(matrix: "Tensor") -> "Tensor":
    """Columns under one another, so that vec(B W C) = (C^T (x) B) vec(W)."""
    return matrix.T.reshape(-1)


def _gaussian(rng: "Generator", *shape: int) -> "Tensor":
    import torch

    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def _uniform(rng: "Generator") -> float:
    import torch

    return torch.rand((), generator=rng, dtype=torch.float64).item()
