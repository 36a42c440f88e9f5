"""claims -> runs: what a claim needs at a scale, in the order in which it must be trained.

A plan is data. It is what `--claim-plan` prints, and what the engine trains when the cache lacks it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.claims import OWN, Claim
from harness.engine import arms
from harness.models import scales
from harness.training import recipes

if TYPE_CHECKING:
    from harness.engine.own import Own


@dataclass(frozen=True)
class Need:
    """One run: an arm at a scale for one seed."""

    arm: str
    scale: str
    seed: int


def arms_of(claim: Claim) -> tuple[str, ...]:
    """Every arm that judging the claim touches: the body's, and those that a control swaps in."""
    swapped = (
        str(other)
        for control in (*claim.nulls, *claim.plants, *((claim.floor,) if claim.floor else ()))
        if control.name == "swap"
        for _, other in control.args
    )
    return tuple(dict.fromkeys(arm for name in (*claim.arms, *swapped) for arm in arms.members(name)))


def unmet(claim: Claim, scale: str, *, device: str = "cpu", own: "Own | None" = None) -> str | None:
    """Why this scale cannot judge the claim, as a sentence; None if it can. `own`: the user's checkpoints, where they are it."""
    missing = own.unmet(claim) if own else _untrained(claim, scale)
    if missing:
        return missing
    for need in claim.needs:
        if need == "gpu" and device == "cpu":
            return "needs a GPU; run with --claim-device cuda"
        if need == "real-weights" and not _has_weights(scale):
            return f"needs a real model's weights; scale {scale} is trained here"
    return None


def _untrained(claim: Claim, scale: str) -> str | None:
    for arm in arms_of(claim):
        if arm not in arms.SYNTHETIC and recipes.get(arm, scale) is None:
            return f"needs a run of the arm {arm}; scale {scale} offers none"
    return None


def is_nightly(claim: Claim, scale: str) -> bool:
    """Whether judging the claim here takes longer than a default session has: it says so, or it needs a real model trained."""
    trained = [arm for arm in arms_of(claim) if arm not in arms.SYNTHETIC]
    return claim.nightly or (_has_weights(scale) and any(recipes.get(arm, scale) for arm in trained))


def needs(claim: Claim, scale: str, seeds: Iterable[int]) -> list[Need]:
    """Runs the claim needs, bases before the arms that start from them, seed by seed; none where a user brings the checkpoints."""
    if scale == OWN:
        return []
    found: dict[Need, None] = {}
    for seed in seeds:
        for arm in arms_of(claim):
            for step in _lineage(arm, scale):
                found[Need(step, scale, seed)] = None
        if not _has_weights(scale) and ("base" in claim.arms or any(a in arms.SYNTHETIC for a in arms_of(claim))):
            found[Need("pretrain", scale, seed)] = None
    return list(found)


def describe(plan: Sequence[Need], cached: set[Need], seconds: Mapping[tuple[str, str], float]) -> str:
    """The plan as lines of text: runs by arm and scale, how many are cached, what the rest costs by (arm, scale)."""
    groups: dict[tuple[str, str], list[Need]] = {}
    for need in plan:
        groups.setdefault((need.scale, need.arm), []).append(need)
    lines, total = [f"{'arm':<20}{'scale':<8}{'runs':>5}{'cached':>8}{'to train':>10}{'CPU-seconds':>13}"], 0.0
    for (scale, arm), members in groups.items():
        missing = [need for need in members if need not in cached]
        cost = len(missing) * seconds.get((arm, scale), 0.0)
        total += cost
        lines.append(f"{arm:<20}{scale:<8}{len(members):>5}{len(members) - len(missing):>8}{len(missing):>10}{cost:>13.0f}")
    lines.append(f"{len(plan)} runs, {len(cached)} cached, about {total:.0f} CPU-seconds of training to do")
    return "\n".join(lines)


def _lineage(arm: str, scale: str) -> list[str]:
    """The arm and the runs it starts from, oldest first; empty for a synthetic arm."""
    chain: list[str] = []
    name: str | None = None if arm in arms.SYNTHETIC else arm
    while name is not None:
        chain.append(name)
        recipe = recipes.get(name, scale)
        name = recipe.base if recipe and recipe.base != recipes.MODEL else None
    return chain[::-1]


def _has_weights(scale: str) -> bool:
    """Whether the scale's base is a real model rather than one trained here."""
    return scale == OWN or scale.startswith("custom:") or scales.get(scale).source != "config"
