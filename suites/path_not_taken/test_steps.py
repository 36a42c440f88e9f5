"""Gate III, step by step: what momentum alone changes in bf16, and how far trainer and sampler disagree in 16 bits."""

import harness as h
from suites.path_not_taken.paper import PAPER, PRECISION


@PAPER.claim(
    "momentum-alone-changes-as-much",
    says="A step of Adam without any gradient changes over .8 times as many bf16 entries as the real step before it",
    source="zero-gradient control of the multi-teacher OPD note: .140 % against .149 % (H11)",
    metric="change density in bf16, zero-gradient step over the last step",
    bound=h.above(0.8),
    within="weighted",
    null=h.variant(momentum=0.0),
    plant=h.variant(momentum=0.99),
    expect={"tiny": "supported", "small": "supported"},
    family=PRECISION,
)
def test_momentum_alone_changes_as_much(rlvr, momentum=0.9):
    """The null is an optimizer without momentum, which stands still; the plant one that hardly forgets."""
    step, taken = rlvr.last_step(), rlvr.trajectory[-1][0]
    return h.change_density(h.coast(step, taken, betas=(momentum, 0.999))) / h.change_density(step)


@PAPER.claim(
    "bf16-disagrees-more-than-fp16",
    says="Trainer and sampler disagree over 4 times as much in bf16 as in fp16 about the log-probability of a token",
    source="2510.26788 (H34): 8 against 11 bits of precision, a step 8 times as coarse",
    metric="mean |log p of trainer - of sampler| over tokens, bf16 over fp16",
    bound=h.above(4.0, on="log"),
    null=h.variant(coarse="fp16"),
    plant=h.variant(fine="fp32"),
    expect={"tiny": "supported", "small": "supported"},
    family=PRECISION,
)
def test_bf16_disagrees_more_than_fp16(rlvr, models, rng, coarse="bf16", fine="fp16"):
    """Both formats are computed in; the null is a format against itself, the plant one against fp32, which hardly disagrees."""
    policy = models.of(rlvr)
    rollout = policy.answers(rng)

    def disagreement(dtype):
        return h.logp_mismatch(policy.model, rollout.ids, rollout.prompt_length, rollout.mask, dtype, policy.temperature).mean

    return disagreement(coarse) / disagreement(fine)
