"""Does the gradient's leading subspace come to rest, as GaLore's rare refreshes and SARA's criticism of it both have it?

Measured on AdamW's run, on its own batches. Random directions overlap by 1/4 on every matrix; `suites.galore.subspaces` has the
traps. What a step does with the subspace is judged by losses, in test_training.py.
"""

import harness as h
from suites.galore.paper import PAPER, RANK, SUBSPACES
from suites.galore.subspaces import EARLY, LATE, at_one_step, between, of_noise, of_samples, overlap

INDEPENDENT, AUTOCORRELATED = h.variant(instead="independent"), h.variant(instead="autocorrelated")
SHUFFLED, ONE_STEP = h.variant(instead="shuffled"), h.variant(instead="one step")
TWIN = h.swap(lm_adamw="lm_adamw_twin")


def adjacent(run, pairs, rng, instead):
    """Overlap of gradients 40 steps apart, or what stands in its place."""
    if instead == "one step":
        return at_one_step(run, pairs)
    if instead == "independent":
        return between(run, pairs, lambda a, b: of_noise(a, b, rng, cosine=0.0))
    if instead == "autocorrelated":
        return between(run, pairs, lambda a, b: of_noise(a, b, rng))
    return between(run, pairs, overlap, shuffled=instead == "shuffled")


@PAPER.claim(
    "subspace-comes-to-rest",
    says="Late in training gradients 40 steps apart share .55 of their leading quarter of directions",
    source="Sec. 4.1 (a subspace serves for T = 50 to 1000 steps); SARA 2502.05790 (it freezes early); sheet T5 and E7: .65",
    metric="mean squared cosine of the leading n/4 directions, steps 200 to 400, mean matrix; chance .25",
    bound=h.above(0.55),
    within="mean",
    null=(INDEPENDENT, AUTOCORRELATED, SHUFFLED),
    plant=ONE_STEP,
    floor=TWIN,
    expect={"tiny": "open"},
    family=SUBSPACES,
    nightly=True,
)
def test_subspace_comes_to_rest(lm_adamw, lm, rng, instead=None):
    """Nulls: Gaussian matrices, alone and at the gradients' own cosine; gradients towards shuffled targets, which only teach
    letters. The plant compares two batches at one step: nothing can have turned there."""
    return adjacent(lm.run(lm_adamw), LATE, rng, instead)


@PAPER.claim(
    "subspace-slows",
    says="The gradient's leading quarter turns less late in training than at first: its overlap rises by over .1",
    source="SARA 2502.05790 (the dominant subspace freezes early in pretraining); sheet T5 and E7: .39, later .66",
    metric="overlap of adjacent gradients, steps 200 to 400 less steps 0 to 40, mean matrix",
    bound=h.above(0.1),
    within="mean",
    null=(INDEPENDENT, AUTOCORRELATED, SHUFFLED),
    plant=ONE_STEP,
    floor=TWIN,
    expect={"tiny": "open"},
    family=SUBSPACES,
    nightly=True,
)
def test_subspace_slows(lm_adamw, lm, rng, instead=None):
    """The plant has two batches at one step in the place of the late gradients alone."""
    run = lm.run(lm_adamw)
    late = adjacent(run, LATE, rng, instead)
    return late - adjacent(run, EARLY, rng, None if instead == "one step" else instead)


@PAPER.claim(
    "rests-as-batches-allow",
    says="Late in training 40 steps turn the leading quarter hardly more than another batch does: .9 of its overlap",
    source="the sheet's reading of E6 and E7 (.65 between steps, .69-.74 at one step); the share is ours",
    metric="overlap of adjacent gradients over that of two batches at one step, steps 200 to 400, mean matrix",
    bound=h.above(0.9, on="log"),
    within="mean",
    null=(h.variant(early=True), AUTOCORRELATED, SHUFFLED),
    no_plant="two batches at one step against two others would test the ceiling with itself",
    floor=TWIN,
    expect={"tiny": "open"},
    family=SUBSPACES,
    nightly=True,
)
def test_rests_as_batches_allow(lm_adamw, lm, rng, early=False, instead=None):
    """One null asks the same of the first 40 steps; shuffled targets have a ceiling of their own."""
    run, pairs = lm.run(lm_adamw), EARLY if early else LATE
    return adjacent(run, pairs, rng, instead) / at_one_step(run, pairs, shuffled=instead == "shuffled")


@PAPER.claim(
    "sampled-subspace-moves-more",
    says="Directions drawn by singular value, as SARA draws them, overlap over .1 less from one refresh to the next",
    source="SARA 2502.05790 (sampling leaves the frozen subspace); sheet T5 and E7: .44 against .65",
    metric="overlap of the leading n/4 directions less that of sampled ones, steps 200 to 400, mean matrix",
    bound=h.above(0.1),
    within="mean",
    null=h.variant(gaussian=True),
    plant=h.variant(uniform=True),
    floor=TWIN,
    expect={"tiny": "supported"},
    family=SUBSPACES,
    nightly=True,
)
def test_sampled_subspace_moves_more(lm_adamw, lm, rng, gaussian=False, uniform=False):
    """In Gaussian noise both are at chance; the plant draws without looking at singular values."""

    def seen(a, b):
        if gaussian:
            a, b = ({name: g.clone().normal_(generator=rng) for name, g in side.items()} for side in (a, b))
        return overlap(a, b) - of_samples(a, b, rng, uniform)

    return between(lm.run(lm_adamw), LATE, seen)


@PAPER.claim(
    "still-galore-is-confined",
    says="GaLore that keeps its first subspace moves each matrix within 16 directions: they hold .999 of its update",
    source="Sec. 4 (with one projection the weights grow along these subspaces only); sheet T12, E9: 1.000, refreshed .91",
    metric="energy of the update in its 16 leading directions, matrix with the least",
    bound=h.above(0.999),
    within="min",
    null=h.swap(lm_galore_still="lm_galore"),
    plant=h.plant("low_rank", rank=RANK),
    expect={"tiny": "supported"},
    family=SUBSPACES,
    nightly=True,
)
def test_still_galore_is_confined(lm_galore_still):
    """The null refreshes: it must leave them, or changing subspaces would compose nothing."""
    from harness.spectra import captured_energy

    return captured_energy(lm_galore_still.update, k=RANK).share
