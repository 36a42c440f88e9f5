"""Gate I: what a clipped policy step, a reward tilt and a KL budget allow.

    one clipped step    KL <= E[T] max(-log(1 - clip_low), log(1 + clip_high))          Lemma F.9
    tilt                q_b(y) ~ q(y) exp(R(y) / b);  with R in {0, 1} and success rate p
                        p_b = p e^(1/b) / (p e^(1/b) + 1 - p),   KL(q_b | q) = binary_kl(p_b, p)
    any policy          KL(pi | q) >= binary_kl(success of pi, success of q)             data processing
    budget              KL <= K and D^T F D >= mu |D|^2   =>   |D| <= sqrt(2 K / mu) (1 + o(1))     Prop. 3.2

Source: arXiv 2511.08567, Prop. 3.1 and 3.2, Lemma F.9.
Trap: Prop. 3.2 needs mu below the smallest eigenvalue of the Fisher matrix, which is 0 for every model with more weights than
tokens seen: the bound is then infinite. With the quotient D^T F D / |D|^2 of the update itself it is finite, and says no more
than that the divergence is quadratic in D; any update of that size along D meets it, learned or not.
"""

from math import exp, log, sqrt

from harness.errors import MeasureError


def clip_bound(tokens: float, clip_low: float, clip_high: float) -> float:
    """Largest KL of one step whose token ratios stay in [1 - clip_low, 1 + clip_high], in nats per completion.

    Args:
        tokens: mean length of a completion, E[T].
        clip_low: in [0, 1).
        clip_high: at least 0.
    """
    if not (0.0 <= clip_low < 1.0 and clip_high >= 0.0):
        raise MeasureError(
            f"ratios in [1 - {clip_low}, 1 + {clip_high}] bound nothing: clip_low lies in [0, 1), clip_high above 0."
        )
    return tokens * max(-log(1 - clip_low), log(1 + clip_high))


def tilted_rate(rate: float, beta: float) -> float:
    """Success rate of the policy tilted by exp(R / beta), from the success rate of the base; never below it.

    Args:
        rate: in [0, 1].
        beta: temperature of the tilt, above 0.
    """
    _check_rate(rate)
    if beta <= 0.0:
        raise MeasureError(f"a tilt of temperature {beta} is undefined: it must lie above 0.")
    # e^(-1/b) stays below 1, where e^(1/b) may overflow
    return rate / (rate + (1 - rate) * exp(-1 / beta)) if rate > 0.0 else 0.0


def binary_kl(after: float, before: float) -> float:
    """KL between two success rates, in nats; the least that any policy pays for the change. inf from 0 or 1 to elsewhere."""
    _check_rate(after)
    _check_rate(before)
    total = 0.0
    for p, q in ((after, before), (1 - after, 1 - before)):
        if p > 0.0:
            total += p * log(p / q) if q > 0.0 else float("inf")
    return max(total, 0.0)


def norm_bound(kl: float, mu: float) -> float:
    """sqrt(2 K / mu), the norm that a KL budget implies; inf where mu is 0.

    Args:
        kl: K >= 0, in the unit (token or completion) that mu is in.
        mu: lower bound on D^T F D / |D|^2, at least 0.
    """
    if kl < 0.0 or mu < 0.0:
        raise MeasureError(f"a budget of {kl} nats at curvature {mu} is undefined: neither may be negative.")
    if mu == 0.0:
        return float("inf")
    return sqrt(2 * kl / mu)


def _check_rate(rate: float) -> None:
    if not 0.0 <= rate <= 1.0:
        raise MeasureError(f"a success rate of {rate} is none: it lies in [0, 1].")
