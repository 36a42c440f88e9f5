"""How often the judge errs, by simulation: the figures of docs/statistics.md.

    python -m harness.claims.simulate      # prints the table; some fifteen seconds of one core

Replicates are normal unless said, alpha is .05 one-sided, and every draw comes from a seed, so the table is the same each time.
Where a rule of the harness is on trial it is the harness's own code that is run (`place`, `judge`, `judge_family`), not a copy.
A rate p from R draws has standard error sqrt(p (1 - p) / R): half a point at most for R = 10 000, and 1.1 for R = 2000.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from harness.claims.aggregate import WITHIN
from harness.claims.bounds import Bound, above, below, greater
from harness.claims.claim import Claim
from harness.claims.controls import as_controls
from harness.claims.interval import TSample, t_quantile
from harness.claims.judging import judge, judge_family
from harness.claims.samples import place
from harness.claims.sequence import SEQUENCE_MIN, TSequence
from harness.claims.verdict import SUPPORTED, Evidence

MANY, SOME = 10_000, 2_000
ALPHA, SD = 0.05, 0.3


class Rate(NamedTuple):
    """One line of the table: a question, its setting, and the share of draws in which it happened."""

    question: str
    setting: str
    share: float


def rates() -> Iterator[Rate]:
    """Every line, in the order of the page."""
    yield from replicates()
    yield from coverage()
    yield from one_claim()
    yield from pairing()
    yield from families()
    yield from peeking()
    yield from controls()


def replicates(seeds: int = 3, layers: int = 28) -> Iterator[Rate]:
    """Nothing is true, and 28 layers of 3 seeds are tested, two-sided: with layers as n, and with seeds as n."""
    for share in (0.1, 0.3, 0.6):
        rng = np.random.default_rng([1, round(10 * share)])
        draws = np.sqrt(share) * rng.normal(size=(MANY, seeds, 1)) + np.sqrt(1 - share) * rng.normal(size=(MANY, seeds, layers))
        question = "something, where there is nothing"
        yield Rate(question, f"layers as n, correlation {share:g}", _rejects(draws.reshape(MANY, -1)))
        if share == 0.6:
            yield Rate(question, f"seeds as n, correlation {share:g}", _rejects(draws.mean(axis=2)))


def coverage(resamples: int = 1000, draws: int = MANY) -> Iterator[Rate]:
    """A 95 % interval holds the true mean."""
    question = "a 95 % interval holds the truth"
    for n in (3, 5):
        rng = np.random.default_rng([2, n])
        x = rng.normal(size=(draws, n))
        means = np.stack([rng.choice(row, (resamples, n)).mean(axis=1) for row in x])
        low, high = np.quantile(means, [0.025, 0.975], axis=1)
        yield Rate(question, f"percentile bootstrap, n = {n}", float(np.mean((low <= 0) & (high >= 0))))
        yield Rate(question, f"Student's t, n = {n}", _covers(x, 0.0))
    skewed = np.random.default_rng(3).lognormal(0.0, 1.0, (MANY, 5))
    yield Rate(question, "t on skewed values, n = 5", _covers(skewed, float(np.exp(0.5))))
    yield Rate(question, "t on their logs, n = 5", _covers(np.log(skewed), 0.0))


def one_claim() -> Iterator[Rate]:
    """The claim "below 1", where the truth is 1 and where it is less."""
    for n in (3, 5, 10):
        found = _verdicts(below(1.0), np.random.default_rng([4, n]).normal(1.0, SD, (MANY, n)))
        yield Rate("below 1 is supported, truth 1", f"n = {n}", found.count("supported") / MANY)
        yield Rate("below 1 is refuted, truth 1", f"n = {n}", found.count("refuted") / MANY)
    for truth, n in ((0.5, 3), (0.5, 5), (0.8, 5), (0.8, 10)):
        found = _verdicts(below(1.0), np.random.default_rng([5, n, round(10 * truth)]).normal(truth, SD, (MANY, n)))
        yield Rate("below 1 is supported, sd .3", f"truth {truth:g}, n = {n}", found.count("supported") / MANY)


def pairing(n: int = 5, effect: float = 0.8, correlation: float = 0.8) -> Iterator[Rate]:
    """Two arms .8 sd apart; with the seed in common their replicates correlate at .8."""
    question = f"a difference of {effect:g} sd is found, n = {n}"
    shared, own = np.sqrt(correlation), np.sqrt(1 - correlation)
    rng = np.random.default_rng(6)
    arms = shared * rng.normal(size=(MANY, n, 1)) + own * rng.normal(size=(MANY, n, 2)) + [effect, 0.0]
    paired = _verdicts(greater(), arms[..., 0] - arms[..., 1])
    yield Rate(question, "paired by seed", paired.count("supported") / MANY)
    a, b = rng.normal(effect, 1.0, (MANY, n)), rng.normal(0.0, 1.0, (MANY, n))
    error = np.sqrt((a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)) / n)
    found = (a.mean(axis=1) - b.mean(axis=1)) / error > t_quantile(ALPHA, 2 * n - 2)
    yield Rate(question, "not paired", float(found.mean()))


def families(size: int = 6, n: int = 5) -> Iterator[Rate]:
    """Six claims at their limit: at least one of them is supported."""
    question, claims = f"one of {size} is supported, truth 1", [_claim(below(1.0)) for _ in range(size)]
    data = np.random.default_rng(7).normal(1.0, SD, (SOME, size, n))
    alone = [any(verdict == SUPPORTED for verdict in _verdicts(below(1.0), family)) for family in data]
    yield Rate(question, "each by itself", float(np.mean(alone)))
    together = (judge_family([(claim, Evidence(x)) for claim, x in zip(claims, family, strict=True)]) for family in data)
    yield Rate(question, "Holm", float(np.mean([any(each.verdict == SUPPORTED for each in verdicts) for verdicts in together])))


def peeking(most: int = 30) -> Iterator[Rate]:
    """Seeds are added one by one until the claim is supported, or there are 30. Its truth is its limit."""
    question, data = f"supported at a look up to n = {most}, truth 1", np.random.default_rng(8).normal(1.0, SD, (SOME, most))
    looks = (("t interval, looked at from 3", TSample, 3), ("confidence sequence, from 5", TSequence, SEQUENCE_MIN))
    for name, kind, first in looks:
        hit = [any(_one(below(1.0), x[:n], kind) == SUPPORTED for n in range(first, most + 1)) for x in data]
        yield Rate(question, name, float(np.mean(hit)))
    question = "supported by n seeds at the latest, truth .5"
    data = np.random.default_rng(9).normal(0.5, SD, (SOME, 10))
    for n in (5, 10):
        hit = [any(_one(below(1.0), x[:m], TSequence) == SUPPORTED for m in range(SEQUENCE_MIN, n + 1)) for x in data]
        yield Rate(question, f"confidence sequence, n = {n}", float(np.mean(hit)))


def controls(n: int = 5) -> Iterator[Rate]:
    """A claim that is nothing but its null, and one that is not."""
    rng = np.random.default_rng(10)
    with_null, without = _claim(above(1.0), null="isotropic"), _claim(above(1.0))
    real, noise = rng.normal(1.5, 0.1, (2, SOME, n))
    question = "supported, and noise satisfies it as well"
    found = _share(judge(without, Evidence(x)).verdict == SUPPORTED for x in real)
    yield Rate(question, "without a null", found)
    judged = (judge(with_null, Evidence(x, nulls={"isotropic": y})) for x, y in zip(real, noise, strict=True))
    yield Rate(question, "with it", _share(verdict.verdict == SUPPORTED for verdict in judged))
    noise = rng.normal(0.8, 0.1, (SOME, n))
    judged = (judge(with_null, Evidence(x, nulls={"isotropic": y})) for x, y in zip(real, noise, strict=True))
    yield Rate("supported, and noise lies outside", "with a null", _share(verdict.verdict == SUPPORTED for verdict in judged))


def text() -> str:
    """The table as it is printed."""
    lines = list(rates())
    first, second = (max(len(line[i]) for line in lines) for i in (0, 1))
    return "\n".join(f"{line.question:<{first}}  {line.setting:<{second}}  {100 * line.share:5.1f} %" for line in lines)


def _claim(bound: Bound, null: str | None = None) -> Claim:
    words = dict(paper="simulation", paper_title="Simulation", arxiv="", id="simulation/one", says="x", source="x", metric="x")
    excuses = dict(no_null="" if null else "none", no_plant="none", version=1, why="", body_sha="")
    numbers = dict(bound=bound, within=next(iter(WITHIN)), alpha=ALPHA, seeds=None, family="main", expect=(("tiny", "open"),))
    about = dict(arms=("noise",), nulls=as_controls(null, "null"), plants=(), floor=None, needs=())
    return Claim(**words, **excuses, **numbers, **about, confirmatory=True, nightly=False)


def _one(bound: Bound, x: np.ndarray, kind: type = TSample) -> str:
    return place(bound, kind.of(x.tolist()).interval(ALPHA, bound.sides))


def _verdicts(bound: Bound, draws: np.ndarray) -> list[str]:
    return [_one(bound, x) for x in draws]


def _covers(x: np.ndarray, truth: float) -> float:
    ends = (TSample.of(row).interval(ALPHA, sides=2) for row in x.tolist())
    return _share(end.low <= truth <= end.high for end in ends)


def _rejects(x: np.ndarray) -> float:
    """Share of rows whose two-sided 95 % interval leaves 0 out."""
    n = x.shape[1]
    return float(np.mean(np.abs(x.mean(axis=1)) > t_quantile(ALPHA / 2, n - 1) * x.std(axis=1, ddof=1) / np.sqrt(n)))


def _share(found: Iterator[bool]) -> float:
    return float(np.mean(list(found)))


if __name__ == "__main__":
    print(text())
