"""The same exchange of spectra on a real language model: all 210 projections of SmolLM2, tuned by RLVR and by imitation.

Bounds and controls are those of the tiny scale (test_interventions.py). Here one base serves every seed, and the arms' gain
is read on 42 held-out sums.
"""

import harness as h
from suites.iso.paper import BROUGHT, KEPT, PAPER
from suites.iso.whole_model import whole

WHOLE = "whole-model"
"""Family of what a real model keeps with all of its projections restored or swapped; judged nightly."""

RANDOM = h.variant(values="random")
DROPPED = h.null("variant", must="refuted", values="none")
FRAMES = h.null("variant", must="refuted", part="frames")
KEPT_METRIC = "share of the gain in held-out success that the tuned frames keep at the base's singular values"
BROUGHT_METRIC = "share of the gain in held-out success that the tuned singular values bring to the base's frames"
SOURCE = "interventions as quoted (restored: nearly flat; swapped in: no gain), of a 1.5B model; sheet H19, I3"
OF_SFT = SOURCE + "; I4: the same of SFT, at weight decay 0"


@PAPER.claim(
    "restored-spectrum-keeps-gain-of-a-real-model",
    says="With the base's singular values put back in every projection, RLVR of SmolLM2 keeps at least .95 of its gain",
    source=SOURCE,
    metric=KEPT_METRIC,
    bound=h.above(KEPT),
    null=(RANDOM, DROPPED),
    plant=h.variant(values="tuned"),
    expect={"small": "inconclusive"},
    family=WHOLE,
    nightly=True,
)
def test_restored_spectrum_keeps_gain_of_a_real_model(rlvr, models, rng, values="base"):
    """Expected to be explained by the null, as at the tiny scale: what singular values move is a small part of the update."""
    return whole(models, rlvr).beside(rng, values)


@PAPER.claim(
    "spectrum-alone-brings-nothing-to-a-real-model",
    says="The singular values of RLVR in the frames of SmolLM2 bring at most .05 of the gain",
    source=SOURCE,
    metric=BROUGHT_METRIC,
    bound=h.below(BROUGHT),
    null=FRAMES,
    plant=h.variant(part="random"),
    expect={"small": "supported"},
    family=WHOLE,
    nightly=True,
)
def test_spectrum_alone_brings_nothing_to_a_real_model(rlvr, models, rng, part="spectrum"):
    return whole(models, rlvr).on_base(rng, part)


@PAPER.claim(
    "restored-spectrum-keeps-gain-of-sft-of-a-real-model",
    says="With the base's singular values put back in every projection, SFT of SmolLM2 keeps at least .95 of its gain",
    source=OF_SFT,
    metric=KEPT_METRIC,
    bound=h.above(KEPT),
    null=(RANDOM, DROPPED),
    plant=h.variant(values="tuned"),
    expect={"small": "inconclusive"},
    family=WHOLE,
    nightly=True,
)
def test_restored_spectrum_keeps_gain_of_sft_of_a_real_model(sft, models, rng, values="base"):
    return whole(models, sft).beside(rng, values)


@PAPER.claim(
    "spectrum-alone-brings-nothing-of-sft-to-a-real-model",
    says="The singular values of SFT in the frames of SmolLM2 bring at most .05 of the gain",
    source=OF_SFT,
    metric=BROUGHT_METRIC,
    bound=h.below(BROUGHT),
    null=FRAMES,
    plant=h.variant(part="random"),
    expect={"small": "supported"},
    family=WHOLE,
    nightly=True,
)
def test_spectrum_alone_brings_nothing_of_sft_to_a_real_model(sft, models, rng, part="spectrum"):
    return whole(models, sft).on_base(rng, part)
