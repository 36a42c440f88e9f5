"""LDAdam: a new subspace at every step, moments rotated into it, what was dropped fed back."""

import harness as h
from suites.subspace_methods.one_matrix import SHAPES, STATE_RANK, STATE_SHAPE, gradients, rank, state_elements, stepped

PAPER = h.Paper("ldadam", arxiv="2410.16103", title="LDAdam: Adaptive Optimization from Low-Dimensional Gradient Statistics")
TRAINING, ROTATION, CALIBRATION = "training", "rotation", "calibration"


@PAPER.claim(
    "trains-as-adam",
    says="LDAdam at a quarter of the rank ends at most .05 nats a character above AdamW, at equal steps",
    source="abstract and Fig. 1 (on a par with Adam when pretraining); the margin is that of sheet T10, as for APOLLO",
    metric="held-out loss, LDAdam less AdamW",
    bound=h.below(0.05),
    null=h.null("swap", must="refuted", lm_ldadam="lm_frozen"),
    plant=h.swap(lm_ldadam="lm_adamw_twin"),
    expect={"tiny": "supported"},
    family=TRAINING,
    nightly=True,
)
def test_trains_as_adam(lm_ldadam, lm_adamw, lm):
    return lm.loss(lm_ldadam) - lm.loss(lm_adamw)


@PAPER.claim(
    "beats-galore",
    says="LDAdam ends below GaLore at equal rank and equal steps",
    source="Sec. 5 (consistently better than GaLore at matching memory)",
    metric="held-out loss, LDAdam less GaLore",
    bound=h.below(0.0),
    null=(h.swap(lm_ldadam="lm_galore_twin"), h.null("swap", must="refuted", lm_ldadam="lm_frozen")),
    plant=h.swap(lm_ldadam="lm_muon"),
    floor=h.swap(lm_galore="lm_galore_twin"),
    expect={"tiny": "open"},
    family=TRAINING,
    nightly=True,
)
def test_beats_galore(lm_ldadam, lm_galore, lm):
    return lm.loss(lm_ldadam) - lm.loss(lm_galore)


@PAPER.claim(
    "rotated-moments-keep-direction",
    says="After a refresh of the subspace an update with rotated moments points along the last one by over .05 more "
    "than with kept ones",
    source="Sec. 3.2 (projection-aware update rule), against GaLore's issue 54; sheet T21, whose .05 is ours: "
    "a twentieth of what a cosine can be",
    metric="cos(u_t, u_(t-1)) at the first refresh, rotated less kept, median matrix",
    bound=h.above(0.05),
    null=(h.variant(moments="keep", draw=1), h.variant(moments="reset")),
    plant=h.variant(moments="keep", refresh=None),
    expect={"tiny": "supported"},
    family=ROTATION,
    nightly=True,
)
def test_rotated_moments_keep_direction(lm_galore, lm, moments="rotate", draw=0, refresh=50):
    """GaLore from its own weights at step 200, up to the first step of its second subspace: all but its moments is shared.

    Nulls: kept moments on other windows, which is noise; and moments set to 0, since kept ones may only be worth forgetting.
    The plant keeps the subspace too.
    """
    run = lm.run(lm_galore)
    mine = turn(run.trace(200, 51, like="lm_galore", moments=moments, draw=draw, refresh=refresh))
    kept = turn(run.trace(200, 51, like="lm_galore", moments="keep"))
    return {name: mine[name] - kept[name] for name in kept}


def turn(trace):
    """cos(u_t, u_(t-1)) at the last step of a trace, by matrix."""
    last, before = trace.updates[-1], trace.updates[-2]
    return {name: ((u * before[name]).sum() / (u.norm() * before[name].norm())).item() for name, u in last.items()}


@PAPER.claim(
    "update-has-rank-r",
    says="A step of LDAdam moves a matrix by rank r exactly, also after the subspace has turned",
    source="Alg. 1; sheet E12: 8 at r = 8",
    metric="rank of each of 4 updates is 8",
    bound=h.exact(True),
    null=h.variant(method="fira"),
    no_plant="an identity: every stream of gradients must satisfy it",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_update_has_rank_r(rng, method="ldadam"):
    found = [stepped(method, gradients(rng, shape, 4), rng, rank=8) for shape in SHAPES]
    return all(rank(update) == 8 for each in found for update in each.updates)


@PAPER.claim(
    "state-is-mr-plus-2nr-and-the-error",
    says="LDAdam remembers m r + 2 n r numbers of an m x n matrix, and m n more for what it feeds back",
    source="Sec. 3 and Alg. 1; its code keeps the error in the gradient's buffer (sheet 2.6), which training must then "
    "hold on to",
    metric="the counts with and without feedback are exact",
    bound=h.exact(True),
    null=h.variant(feedback=False),
    no_plant="an identity is counted, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_state(rng, feedback=True):
    """The null is what a count that forgets the buffer would say."""
    small, large = STATE_SHAPE
    counted = state_elements("ldadam", rng, rank=STATE_RANK, feedback=feedback)
    return counted == small * STATE_RANK + 2 * large * STATE_RANK + small * large
