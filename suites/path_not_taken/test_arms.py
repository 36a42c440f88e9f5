"""Before any geometry: did the arms learn what they were trained on? A contrast of arms that learned nothing tests nothing."""

import harness as h
from suites.path_not_taken.paper import MAIN, PAPER


@PAPER.claim(
    "rlvr-learns",
    says="RLVR raises held-out exact match over the base by at least 5 points",
    source="premise of Sec. 4; the margin is ours",
    metric="exact_match(rlvr) - exact_match(base), lm-eval, greedy",
    bound=h.above(0.05),
    null="isotropic",
    no_plant="a model that is right by construction would test lm-eval, which its own tests do",
    expect={"tiny": "supported", "small": "supported"},
    family=MAIN,
    version=2,
    why="judged on SmolLM2 too, where no pretraining run stands for the base; the null is now noise of the same norm, evaluated",
)
def test_rlvr_learns(rlvr, models):
    return models.of(rlvr).accuracy - models.base(rlvr).accuracy


@PAPER.claim(
    "bf16-view-keeps-accuracy",
    says="Rounding the tuned weights to bf16 costs no accuracy: exact match moves by less than 5 points",
    source="Sec. 4.3 and RL's Razor: sparsity vanishes in fp32 with no change of accuracy",
    metric="exact_match(rlvr in bf16) - exact_match(rlvr in fp32), lm-eval, greedy",
    bound=h.equivalent(-0.05, 0.05),
    null=h.variant(untrained=True),
    plant=h.variant(view="fp32"),
    expect={"tiny": "supported", "small": "open"},
    family=MAIN,
    version=2,
    why="judged on SmolLM2 too: read from the task that the arm is graded by, and from its own start instead of the pretraining run",
)
def test_bf16_view_keeps_accuracy(rlvr, view="bf16", untrained=False):
    """The null drops the whole update instead of its low bits: that must cost accuracy."""
    if untrained:
        return -rlvr.gain
    return (rlvr.accuracy_bf16 if view == "bf16" else rlvr.accuracy) - rlvr.accuracy
