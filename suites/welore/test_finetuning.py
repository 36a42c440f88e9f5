"""Is it enough, or better, to fine-tune only the low-rank components of a compressed model?

AdamW's model of each seed is compressed by WeLore's rule at half of its ranks and reads on for 200 steps. Arms differ in what
trains and in the rate that was tuned for it, one of five for each (harness.training.finetunes); what is compressed is the same.
"""

import harness as h
from suites.welore.paper import FINETUNING, PAPER

ELSEWHERE = (h.swap(lm_lrc="lm_lrc_others"), h.swap(lm_lrc="lm_lrc_random"))
"""The matrices that stay whole, or layers drawn with as many entries, in the place of the low-rank components."""


@PAPER.claim(
    "low-rank-components-beat-full-fine-tuning",
    says="A compressed model that trains its low-rank components alone ends below one that trains all of its parameters",
    source="abstract and README: 50 % compressed LLaMA-2 7B so fine-tuned outperforms its full fine-tuning",
    metric="held-out loss, low-rank components less all parameters",
    bound=h.below(0.0),
    null=ELSEWHERE,
    plant=h.variant(than="untrained"),
    expect={"tiny": "open"},
    family=FINETUNING,
    nightly=True,
)
def test_low_rank_components_beat_full_fine_tuning(lm_lrc, lm_lrc_full, lm, than="full"):
    """The plant compares with the compressed model before its first step."""
    other = lm.run(lm_lrc_full).curve()[0].loss if than == "untrained" else lm.loss(lm_lrc_full)
    return lm.loss(lm_lrc) - other


@PAPER.claim(
    "low-rank-components-match-full-fine-tuning",
    says="A compressed model that trains its low-rank components alone ends within 5 % of the loss of one that trains all",
    source="abstract: closely mimics full fine-tuning; sheet (papers, 21, lrc_finetune): ratio of losses below 1.05",
    metric="held-out loss, low-rank components over all parameters",
    bound=h.below(1.05, on="log"),
    null=(*ELSEWHERE, h.variant(untrained=True)),
    plant=h.swap(lm_lrc="lm_lrc_full"),
    expect={"tiny": "open"},
    family=FINETUNING,
    nightly=True,
)
def test_low_rank_components_match_full_fine_tuning(lm_lrc, lm_lrc_full, lm, untrained=False):
    own = lm.run(lm_lrc).curve()[0].loss if untrained else lm.loss(lm_lrc)
    return own / lm.loss(lm_lrc_full)


@PAPER.claim(
    "low-rank-components-beat-a-random-choice",
    says="It ends below one that trains as many entries of layers drawn at random",
    source="Sec. 4.3: low-rank components are where gradients are well-behaved; the control is the sheet's (papers, 21)",
    metric="held-out loss, low-rank components less a random choice of layers",
    bound=h.below(0.0),
    null=h.swap(lm_lrc="lm_lrc_others"),
    plant=h.swap(lm_lrc="lm_lrc_full"),
    expect={"tiny": "open"},
    family=FINETUNING,
    nightly=True,
)
def test_low_rank_components_beat_a_random_choice(lm_lrc, lm_lrc_random, lm):
    return lm.loss(lm_lrc) - lm.loss(lm_lrc_random)
