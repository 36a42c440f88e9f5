"""One claim and its evidence to one verdict: a pure function, without torch and without the claim's body.

An interval over replicates decides: inside the bound supports, outside refutes, else inconclusive with a reason. In this order:
unmatched, non-finite, n too small, control failed, the interval against the bound, then (supported) null explains it and
(either) below noise floor, or control failed where no noise floor was measured. A case is told instead (case.py). Levels: 1 - 2 alpha (alpha at each end) for below, above, greater, equivalent and fraction; 1 - alpha
for differs and for sequences. In a family, Holm is applied to the p-values of support and of refutation by themselves, so that
false support and false refutation each have family-wise error <= alpha under any dependence.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.claims import power
from harness.claims.case import told
from harness.claims.claim import Claim
from harness.claims.control_check import check_controls, nearest
from harness.claims.holm import holm_steps
from harness.claims.interval import Interval, Sample
from harness.claims.samples import Scores, distance, fewest, known_method, place
from harness.claims.sign_flip import bound_sign_flip_p
from harness.claims.tost import region_p
from harness.claims.verdict import (
    BELOW_FLOOR,
    CONTROL_FAILED,
    INCONCLUSIVE,
    NON_FINITE,
    NULL_EXPLAINS,
    REFUTED,
    STRADDLES,
    SUPPORTED,
    TOO_SMALL,
    UNMATCHED,
    Evidence,
    Verdict,
    unmatched,
)
from harness.errors import SpecError


@dataclass(frozen=True)
class Levels:
    """Alpha for supporting and for refuting; p_adj is filled in where a family was adjusted."""

    support: float
    refute: float
    p_adj: float | None = None


def judge(claim: Claim, evidence: Evidence, *, alpha: float | None = None, method: str = "t") -> Verdict:
    """Judge a claim by itself.

    Args:
        alpha: error of one end of the interval; the claim's own if None. Controls are judged at the claim's own in
            any case. At alpha / family_size, what is decided here stays decided by judge_family.
        method: "t" for a fixed set of seeds, "sequence" where seeds are added and looked at (evidence mode).

    Raises:
        SpecError: an unknown method, alpha outside (0, 0.5), or evidence that does not suit the claim.
    """
    level = claim.alpha if alpha is None else alpha
    if not 0.0 < level < 0.5:
        raise SpecError(f"alpha lies between 0 and 0.5, not {level!r}.")
    return _judge(claim, evidence, Levels(level, level), known_method(method))


def judge_family(pairs: Sequence[tuple[Claim, Evidence]], method: str = "t") -> list[Verdict]:
    """Judge the claims of one family together, each at its Holm level; exact and exploratory ones by themselves.

    Every confirmatory claim counts, also one without a p (unmatched, non-finite, n too small): it takes part as p = 1.

    Raises:
        SpecError: as judge(); or confirmatory claims of one family that differ in alpha.
    """
    known_method(method)
    levels = [Levels(claim.alpha, claim.alpha) for claim, _ in pairs]
    family = [i for i, (claim, _) in enumerate(pairs) if claim.adjusted]
    alphas = {pairs[i][0].alpha for i in family}
    if len(alphas) > 1:
        raise SpecError(f"claims of one family share one alpha, not {sorted(alphas)}: give some another family.")
    if family:
        p_values = [_p_values(*pairs[i], method) for i in family]
        support = holm_steps([p if p is not None else 1.0 for p, _ in p_values], *alphas)
        refute = holm_steps([p if p is not None else 1.0 for _, p in p_values], *alphas)
        for i, (p, _), yes, no in zip(family, p_values, support, refute, strict=True):
            levels[i] = Levels(yes.alpha, no.alpha, None if p is None else yes.p_adjusted)
    return [_judge(claim, evidence, level, method) for (claim, evidence), level in zip(pairs, levels, strict=True)]


def _p_values(claim: Claim, evidence: Evidence, method: str) -> tuple[float | None, float | None]:
    """p of support and of refutation; None where the claim cannot be judged."""
    scores = Scores.of(claim.bound, evidence.values)
    if len(scores.values) < fewest(claim.bound, claim.seeds, method):
        return None, None
    sample = scores.sample(method)
    if sample is None:
        return None, None
    sides = claim.bound.sides
    return region_p(sample, claim.bound.support(), sides), region_p(sample, claim.bound.refute(), sides)


def _judge(claim: Claim, evidence: Evidence, levels: Levels, method: str) -> Verdict:
    scores = Scores.of(claim.bound, evidence.values)
    nulls, plants = check_controls(claim, evidence, method)
    floor, floor_problem = _noise_floor(claim, evidence)
    blank = Verdict(INCONCLUSIVE, n=len(scores.values), noise_floor=floor)
    for role, shown in (("null", nearest(nulls, scores.mean())), ("plant", nearest(plants, None))):
        if shown is not None:
            blank = replace(blank, **shown.figures(role))
    if lost := unmatched(evidence.values):  # one is enough: the seeds that could be matched would be a selection
        return replace(blank, reason=UNMATCHED, n=blank.n - len(lost), detail=f"unmatched: {lost[0].says}")
    if evidence.case and not scores.missing:
        unknown_floor = claim.floor is not None and evidence.floor is None
        return told(claim, scores, (*nulls, *plants), blank, None if unknown_floor else floor_problem)
    if claim.bound.statistical:
        decided = _by_interval(claim, scores, levels, method, blank)
    else:
        decided = _exactly(claim, scores, blank)
    if decided.reason in (NON_FINITE, TOO_SMALL):
        return decided
    failed = [control.detail for control in (*plants, *nulls) if control.problem == CONTROL_FAILED]
    if floor_problem and evidence.floor is not None:
        failed.append(floor_problem)
    if failed:
        return _undecided(decided, CONTROL_FAILED, failed[0])
    explaining = [null.detail for null in nulls if null.problem == NULL_EXPLAINS]
    if decided.verdict == SUPPORTED and explaining:
        return _undecided(decided, NULL_EXPLAINS, explaining[0])
    if decided.verdict != INCONCLUSIVE and floor_problem:
        return _undecided(decided, CONTROL_FAILED, floor_problem)
    mean = scores.mean()
    if decided.verdict != INCONCLUSIVE and floor is not None and mean is not None:
        margin = abs(distance(claim.bound, mean))
        if margin < floor:
            detail = f"the estimate is {margin:.3g} from its limit, less than the noise floor {floor:.3g}"
            return _undecided(decided, BELOW_FLOOR, detail)
    return decided


def _undecided(decided: Verdict, reason: str, detail: str) -> Verdict:
    """More seeds of the same kind would not help here, so n_to_settle is dropped."""
    return replace(decided, verdict=INCONCLUSIVE, reason=reason, detail=detail, n_to_settle=None)


def _exactly(claim: Claim, scores: Scores, blank: Verdict) -> Verdict:
    target, n = float(claim.bound.equals), len(scores.values)
    blank = replace(blank, method="exact")
    if scores.missing:
        return replace(blank, reason=NON_FINITE, detail=_missing(scores))
    if n < fewest(claim.bound, claim.seeds, "t"):
        return replace(blank, reason=TOO_SMALL, detail=_too_few(n, fewest(claim.bound, claim.seeds, "t")))
    farthest = max(scores.finite, key=lambda value: abs(value - target))
    broken = sum(value != target for value in scores.finite)
    if broken:
        return replace(blank, verdict=REFUTED, estimate=farthest, detail=f"broken in {broken} of {n} replicates")
    return replace(blank, verdict=SUPPORTED, estimate=farthest, detail=f"holds in all {n} replicates")


def _by_interval(claim: Claim, scores: Scores, levels: Levels, method: str, blank: Verdict) -> Verdict:
    bound, n = claim.bound, len(scores.values)
    if scores.missing:
        return replace(blank, reason=NON_FINITE, detail=_missing(scores))
    sample = scores.sample(method)
    if sample is None:
        estimate = bound.reported(scores.mean())
        return replace(blank, estimate=estimate, reason=TOO_SMALL, detail=_too_few(n, fewest(bound, claim.seeds, method)))
    verdict, alpha = _decide(claim, sample, levels)
    interval = sample.interval(alpha, bound.sides)
    required = fewest(bound, claim.seeds, method)
    figures = _figures(claim, scores, sample, levels, interval, max(required, n + 1))
    decided = replace(blank, verdict=verdict, method=sample.method, p_adj=levels.p_adj, **figures)
    if n < required:
        detail = _too_few(n, required)
        return replace(decided, verdict=INCONCLUSIVE, reason=TOO_SMALL, detail=detail, p=None, p_adj=None, sign_flip_p=None)
    if verdict != INCONCLUSIVE:
        where = "inside" if verdict == SUPPORTED else "outside"
        spread = "" if sample.sd != 0.0 else f"; all {n} replicates are equal, so the interval is a point"
        return replace(decided, n_to_settle=None, detail=f"{_told(decided)} lies {where} {bound.text()}{spread}")
    unanimous = bound.kind == "fraction" and sample.mean in (0.0, 1.0)
    if math.isinf(interval.low) or unanimous:  # no outcome of n replicates could have decided more
        return replace(decided, reason=TOO_SMALL, detail=f"{n} replicates cannot decide {bound.text()} at this level")
    return replace(decided, reason=STRADDLES, detail=f"{_told(decided)} straddles {bound.text()}")


def _decide(claim: Claim, sample: Sample, levels: Levels) -> tuple[str, float]:
    """The verdict and the alpha of the interval to show, which agrees with it.

    Inconclusive is shown at the stricter alpha: that interval contains both of the others, so it straddles too.
    """
    for verdict, alpha in ((SUPPORTED, levels.support), (REFUTED, levels.refute)):
        if place(claim.bound, sample.interval(alpha, claim.bound.sides)) == verdict:
            return verdict, alpha
    return INCONCLUSIVE, min(levels.support, levels.refute)


def _figures(
    claim: Claim, scores: Scores, sample: Sample, levels: Levels, interval: Interval, start: int
) -> dict[str, Any]:
    bound = claim.bound
    spread = sample.sd if sample.sd > 0.0 else None
    share = bound.kind == "fraction"
    if share:
        spread = math.sqrt(bound.low * (1.0 - bound.low))
    return {
        "estimate": bound.reported(sample.mean),
        "ci_low": bound.reported(interval.low),
        "ci_high": bound.reported(interval.high),
        "ci_level": interval.level,
        "p": region_p(sample, bound.support(), bound.sides),
        "sign_flip_p": None if share or sample.anytime else bound_sign_flip_p(bound, scores.finite),
        "effect": None if spread is None else distance(bound, sample.mean) / spread,
        "mde": _mde(claim, sample, levels),
        "n_to_settle": _n_to_settle(claim, sample, levels, start),
    }


def _mde(claim: Claim, sample: Sample, levels: Levels) -> float | None:
    bound, n, alpha = claim.bound, sample.n, levels.support
    if bound.kind == "fraction":
        share = None if sample.anytime else power.detectable_share(n, bound.low, alpha)
        return None if share is None else share - bound.low
    if not sample.sd > 0.0:
        return None
    if sample.anytime:
        in_sd = power.sequence_effect(n, alpha)
    elif bound.kind == "equivalent":
        in_sd = power.detectable_margin(n, alpha)
    else:
        in_sd = power.detectable_effect(n, alpha / bound.sides)
    return in_sd * sample.sd if math.isfinite(in_sd) else None


def _n_to_settle(claim: Claim, sample: Sample, levels: Levels, start: int) -> int | None:
    bound = claim.bound
    for segments, alpha in ((bound.support(), levels.support), (bound.refute(), levels.refute)):
        for segment in segments:
            if not segment.holds(sample.mean, sample.mean):
                continue
            if bound.kind == "fraction":
                return power.n_to_settle_share(sample.mean, bound.low, alpha, sample.anytime, start)
            if sample.anytime:
                return power.n_to_settle_sequence(sample.mean, sample.sd, segment, alpha, start)
            return power.n_to_settle(sample.mean, sample.sd, segment, alpha / bound.sides, start)
    return None


def _noise_floor(claim: Claim, evidence: Evidence) -> tuple[float | None, str]:
    """Root mean square distance to the twin, or what is wrong with it.

    Raises SpecError if the evidence has a floor that the claim does not declare.
    """
    if claim.floor is None:
        if evidence.floor is not None:
            raise SpecError(f"claim {claim.id!r} declares no noise floor: measure what it declares.")
        return None, ""
    name, n = claim.floor.label(), len(evidence.values)
    if evidence.floor is None:
        return None, f"the noise floor {name} was not measured"
    if len(evidence.floor) != n:
        return None, f"the noise floor {name} was measured on {len(evidence.floor)} of {n} replicates"
    if lost := unmatched(evidence.floor):
        return None, f"the noise floor {name} is unmatched in {len(lost)} of {n} replicates: {lost[0].says}"
    finite = [value for value in evidence.floor if value is not None]
    if len(finite) < n:
        return None, f"the noise floor {name} is not finite in {n - len(finite)} of {n} replicates"
    return (math.sqrt(math.fsum(value**2 for value in finite) / n), "") if n else (None, "")


def _missing(scores: Scores) -> str:
    on = scores.bound.on
    outside = "" if on == "identity" else f" or outside the domain of {on}"
    return f"{scores.missing} of {len(scores.values)} replicates are not finite{outside}"


def _too_few(n: int, required: int) -> str:
    return f"{n} replicate{'s' * (n != 1)}, but it takes at least {required}"


def _told(verdict: Verdict) -> str:
    ends = [f"{end:.3g}" if end is not None else "unbounded" for end in (verdict.ci_low, verdict.ci_high)]
    estimate = "the estimate" if verdict.estimate is None else f"{verdict.estimate:.3g}"
    return f"{estimate} [{', '.join(ends)}]"
