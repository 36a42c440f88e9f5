"""How far isotropic noise falls below its own value by luck: what a bound on "less than of noise" has to leave room for.

D isotropic, m x n, N = m n entries; a family leaves the part of D in a subspace of L of the N dimensions. Then
    u^2 ~ Beta(L / 2, (N - L) / 2),   E u^2 = L / N,   sd(u) / u ~ sqrt((N - L) / (2 L N))
    left    L = (m - k) n         right   L = m (n - k)         k = q / 2,  q = min(m, n)
    iso     L = q: to first order sigma_i moves by u_i^T D v_i, q of the entries of U^T D V
and a replicate reads the median over M independent matrices of x = u / sqrt(L / N). As the mean of the two in the middle it
lies below a limit c only where at least M / 2 of the x do:
    P(median < c) <= P(at least M / 2 of M events with chances F_Beta(c^2 L / N)),   a Poisson-binomial tail.

At the tiny scale (14 matrices) that is .001 at c = .9906 (left), .9912 (right) and .888 (iso), about three sd of the median.
Trap: a limit of 1 is passed by noise in one trial of twenty or more, by the level of the interval alone: the median of a Beta
lies below its mean, by .015 of u for iso.
"""

from collections.abc import Sequence

TINY = (*((64, 64),) * 4, *((32, 64),) * 4, *((160, 64),) * 4, *((64, 160),) * 2)
"""Shapes of the tiny model's judged matrices: q and o, k and v, gate and up, down, of two layers."""


def left_over(shape: tuple[int, int], family: str) -> int:
    """L: dimensions in which a family ("left", "right" at half of the directions, or "iso") leaves an update."""
    m, n = shape
    half = min(m, n) // 2
    return {"left": (m - half) * n, "right": m * (n - half), "iso": min(m, n)}[family]


def chance_below(limit: float, family: str, shapes: Sequence[tuple[int, int]] = TINY) -> float:
    """An upper bound of the chance that noise reads below the limit: median over matrices of u over its isotropic value."""
    from scipy.stats import beta

    counts = [1.0]  # chance of 0, 1, ... matrices below
    for m, n in shapes:
        inside = left_over((m, n), family)
        p = float(beta.cdf(limit**2 * inside / (m * n), inside / 2, (m * n - inside) / 2))
        counts = [a * (1.0 - p) + b * p for a, b in zip([*counts, 0.0], [0.0, *counts], strict=True)]
    return sum(counts[(len(shapes) + 1) // 2 :])
