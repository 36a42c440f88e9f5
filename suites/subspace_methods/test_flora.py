"""FLORA: random projections that are drawn anew. Unbiased over time, and of more than rank r in sum."""

import harness as h
from suites.subspace_methods.one_matrix import SHAPES, STATE_RANK, STATE_SHAPE, gradients, rank, state_elements, stepped

PAPER = h.Paper("flora", arxiv="2402.03293", title="Flora: Low-Rank Adapters Are Secretly Gradient Compressors")
TRAINING, LAW, CALIBRATION = "training", "law", "calibration"


@PAPER.claim(
    "trains-as-adamw",
    says="FLORA at a quarter of the rank ends at most .05 nats a character above AdamW, at equal steps",
    source="Sec. 3 (on a par with the uncompressed optimizer); the margin is that of sheet T10, as for APOLLO",
    metric="held-out loss, FLORA less AdamW",
    bound=h.below(0.05),
    null=h.null("swap", must="refuted", lm_flora="lm_frozen"),
    plant=h.swap(lm_flora="lm_adamw_twin"),
    expect={"tiny": "supported"},
    family=TRAINING,
    nightly=True,
)
def test_trains_as_adamw(lm_flora, lm_adamw, lm):
    return lm.loss(lm_flora) - lm.loss(lm_adamw)


@PAPER.claim(
    "projection-is-unbiased",
    says="Drawn anew, the projections have E[A^T A] = I: the mean of 400 misses I by what sampling alone explains",
    source="Thm. 2.4 and Sec. 2.3 (A of variance 1/r, resampled); sheet T23. The range allows a fifth either way",
    metric="|mean P P^T - I|_F^2 over its expectation a (a + 1) / (400 r) without bias, a = 64, r = 16",
    bound=h.equivalent(0.8, 1.25, on="log"),
    null=(h.variant(resampled=False), h.variant(projector="stiefel")),
    plant=h.variant(projector="exact"),
    expect={"tiny": "supported"},
    family=LAW,
)
def test_projection_is_unbiased(rng, resampled=True, projector="gaussian", a=64, r=16, count=400):
    """Nulls: one draw for good, as in LoRA, and orthonormal projections, whose mean is (r/a) I. The plant draws with torch."""
    import torch
    from harness.optimizers.projectors import Draw, random_basis

    seed, like = int(torch.randint(2**31, (), generator=rng)), torch.zeros(a, 1, dtype=torch.float64)

    def drawn(refresh):
        if projector == "exact":
            return torch.randn(a, r, generator=rng, dtype=torch.float64) / r**0.5
        return random_basis(projector, like, r, Draw(seed, 0, refresh if resampled else 1))

    mean = sum(p @ p.T for p in map(drawn, range(1, count + 1))) / count
    return ((mean - torch.eye(a)).square().sum() / (a * (a + 1) / (count * r))).item()


@PAPER.claim(
    "resampling-raises-rank",
    says="After 2 kappa steps the sum of FLORA's updates has rank over r, at most 2 r",
    source="Sec. 2.3, against the fixed A of LoRA; sheet T23",
    metric="r < rank(W_T - W_0) <= 2 r for kappa = 10, T = 20, r = 8",
    bound=h.exact(True),
    null=(h.variant(refresh=None), h.variant(refresh=2)),
    no_plant="an identity: every stream of gradients must satisfy it",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_resampling_raises_rank(rng, refresh=10):
    """Nulls: a projection that is never drawn anew has rank r, and one drawn ten times has more than 2 r."""
    found = [rank(stepped("flora", gradients(rng, shape, 20), rng, rank=8, refresh=refresh).moved) for shape in SHAPES]
    return all(8 < each <= 16 for each in found)


@PAPER.claim(
    "state-is-sublinear",
    says="With A drawn anew from its seed, FLORA's momentum takes n r numbers of an m x n matrix, beside m + n for "
    "Adafactor's means",
    source="Tab. 1 (n r for the momentum); sheet 2.8 and T9",
    metric="the count is exact",
    bound=h.exact(True),
    null=h.variant(recompute=False),
    no_plant="an identity is counted, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_state(rng, recompute=True):
    small, large = STATE_SHAPE
    return state_elements("flora", rng, rank=STATE_RANK, recompute=recompute) == large * STATE_RANK + small + large
