"""Gate I, the KL leash: what does RLVR's update cost in KL, does the paper's bound say anything of it, is the cost the least?"""

import harness as h
from suites.path_not_taken.paper import LEASH, PAPER

DRAWS, FLATTENED = 4, 5
"""Noises whose steepness is averaged; rounds in which the plant loses its steepest direction."""

CLIP = 0.2
"""Clip range of every policy loss here, on both sides."""


def divergence(after, before, rng):
    """KL(after | before) on answers that `after` samples."""
    rollout = after.answers(rng)
    return h.kl_to_base(after.model, before.model, rollout.ids, rollout.prompt_length, rollout.mask, after.temperature)


@PAPER.claim(
    "step-within-clip-bound",
    says="One RLVR step moves the policy by less KL than the clipped ratio allows",
    source="Prop. 3.1, Lemma F.9 (Gate I): KL <= E[T] max(-log(1 - eps), log(1 + eps))",
    metric="KL per answer of the last step over its bound",
    bound=h.below(1.0, on="log"),
    null=h.variant(noise=True),
    plant=h.variant(size=0.1),
    expect={"tiny": "inconclusive"},
    family=LEASH,
)
def test_step_within_clip_bound(rlvr, models, rng, noise=False, size=1.0):
    """Fresh samples at every step leave the clip idle: what keeps a step small is its learning rate, so the null is noise of its size."""
    step = rlvr.last_step().scaled(size)
    step = h.isotropic(step, rng) if noise else step
    found = divergence(models.of(step), models.base(step), rng)
    return found.per_sequence / h.clip_bound(found.tokens, CLIP, CLIP)


@PAPER.claim(
    "success-costs-least-kl",
    says="RLVR pays less than twice the KL that its rate of success costs at least",
    source="Prop. 3.1 (Gate I): KL(new | old) <= (1 + o(1)) KL(tilt | old); the tilt to an equal rate costs least; the factor 2 is ours",
    metric="KL per answer over the least KL of the change in success, mean over problems",
    bound=h.below(2.0, on="log"),
    null=("isotropic", h.swap(rlvr="sft")),
    no_plant="the tilted policy is no update of these weights",
    expect={"tiny": "open"},
    family=LEASH,
)
def test_success_costs_least_kl(rlvr, models, rng):
    """SFT on given answers knows nothing of the leash: if it pays as little, the sentence is not about RLVR."""
    before, after = models.base(rlvr), models.of(rlvr)
    asked = after.problems(256, seed=rng.initial_seed())
    rates = zip(after.success(asked).tolist(), before.success(asked).tolist(), strict=True)
    least = sum(h.binary_kl(now, then) for now, then in rates) / len(asked)
    return divergence(after, before, rng).per_sequence / least


@PAPER.claim(
    "norm-bound-is-met",
    says="RLVR's update is as long as its KL and its own curvature imply, within a factor 1.4",
    source="Prop. 3.2 (Gate I): |D| <= sqrt(2 K / mu) (1 + o(1)), with mu the curvature D'FD / |D|^2 along the update",
    metric="|D| over sqrt(2 K / mu), the matrices alone moved",
    bound=h.equivalent(2**-0.5, 2**0.5, on="log"),
    null=h.variant(size=100.0),
    plant=h.variant(size=0.03),
    expect={"tiny": "open", "small": "open"},
    family=LEASH,
)
def test_norm_bound_is_met(rlvr, models, rng, size=1.0):
    """It tests the o(1): is the update in the regime where KL is quadratic? A hundred of it is not, a thirtieth must be.

    With mu the smallest eigenvalue of F, as the proposition has it, the bound is infinite: F is singular in any model with more
    weights than tokens seen.
    """
    update = rlvr.scaled(size)
    before, after = models.base(update), models.of(update)
    rollout = after.answers(rng)
    seen = (rollout.ids, rollout.prompt_length, rollout.mask, after.temperature)
    norm = sum(value**2 for value in update.norm().values()) ** 0.5
    mu = h.fisher_quadratic(before.model, before.by_parameter(update.update), *seen) / norm**2
    return norm / h.norm_bound(h.kl_to_base(after.model, before.model, *seen).per_token, mu)


@PAPER.claim(
    "leash-picks-flat-directions",
    says="RLVR's update lies in flatter directions of the policy than isotropic noise of the same norm",
    source="Prop. 3.2 and Sec. 3.2 (Gates I and II): the leash and the curvature keep updates where KL is cheap",
    metric="D'FD of the update over that of isotropic noise with its norm in every matrix",
    bound=h.below(1.0, on="log"),
    null="isotropic",
    plant=h.variant(flattened=True),
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "open", "small": "open"},
    family=LEASH,
)
def test_leash_picks_flat_directions(rlvr, models, rng, flattened=False):
    """The plant is noise whose steepest directions were projected out."""
    before = models.base(rlvr)
    rollout = before.answers(rng)

    def steepness(change):
        update = before.by_parameter(change.update)
        return h.fisher_quadratic(before.model, update, rollout.ids, rollout.prompt_length, rollout.mask, before.temperature)

    noises = [h.isotropic(rlvr, rng) for _ in range(DRAWS)]
    update = flatter(before, noises[0], rollout) if flattened else rlvr
    return steepness(update) / (sum(map(steepness, noises)) / DRAWS)


def flatter(policy, noise, rollout):
    """The noise without its component along F times itself, so many times over; each matrix at its norm again."""
    loss, matrices, flat = policy.kl_loss(rollout), policy.parameters(noise.base), noise
    for _ in range(FLATTENED):
        steep = h.hvp(loss, matrices, flat.update)
        along = sum((d * steep[name]).sum() for name, d in flat.update.items())
        share = along / sum(s.double().square().sum() for s in steep.values())
        flat = h.Change(noise.base, {name: d - share * steep[name].double() for name, d in flat.update.items()})
    return flat.scaled(noise.norm() / flat.norm())
