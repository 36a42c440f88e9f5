"""Which carries the gain, the frames or the singular values? Spectra restored, swapped in, and drawn at random.

At these sizes of update most of any change lies in the frames, so each sentence has random singular values beside it, as far
from the tuned (or the base's) ones as training moved them: what they keep, no property of the learned spectrum explains.
"""

import harness as h
from suites.iso.kept import beside, on_base
from suites.iso.paper import BROUGHT, KEPT, PAPER, SPECTRUM

RANDOM = h.variant(values="random")
DROPPED = h.null("variant", must="refuted", values="none")
"""The arm without its matrices: embeddings, head and norms must not be what keeps the gain."""

KEPT_METRIC = "share of the gain in held-out success that the tuned frames keep at the base's singular values"
BROUGHT_METRIC = "share of the gain in held-out success that the tuned singular values bring to the base's frames"
SOURCE = "interventions as quoted (restored: nearly flat; swapped in: no gain); sheet H19, I3"
FRAMES = h.null("variant", must="refuted", part="frames")
NOTHING_LEARNED = h.variant(part="random")


@PAPER.claim(
    "restored-spectrum-keeps-gain",
    says="With the base's singular values put back RLVR keeps at least .95 of its gain",
    source=SOURCE,
    metric=KEPT_METRIC,
    bound=h.above(KEPT),
    null=(RANDOM, DROPPED),
    plant=h.variant(values="tuned"),
    expect={"tiny": "inconclusive"},
    family=SPECTRUM,
)
def test_restored_spectrum_keeps_gain(rlvr, models, rng, values="base"):
    """Expected to be explained by the null: on seed 100 random values kept 1.02 of the gain, the restored ones 1.03."""
    return beside(models, rlvr, rng, values)


@PAPER.claim(
    "spectrum-alone-brings-nothing",
    says="The singular values of RLVR in the base's frames bring at most .05 of the gain",
    source=SOURCE,
    metric=BROUGHT_METRIC,
    bound=h.below(BROUGHT),
    null=FRAMES,
    plant=NOTHING_LEARNED,
    expect={"tiny": "supported"},
    family=SPECTRUM,
)
def test_spectrum_alone_brings_nothing(rlvr, models, rng, part="spectrum"):
    return on_base(models, rlvr, rng, part)


@PAPER.claim(
    "restored-spectrum-keeps-gain-of-sft",
    says="With the base's singular values put back SFT keeps at least .95 of its gain",
    source=SOURCE + "; I4: the same of SFT, at weight decay 0",
    metric=KEPT_METRIC,
    bound=h.above(KEPT),
    null=(RANDOM, DROPPED),
    plant=h.variant(values="tuned"),
    expect={"tiny": "inconclusive"},
    family=SPECTRUM,
)
def test_restored_spectrum_keeps_gain_of_sft(sft, models, rng, values="base"):
    """On seed 100 random values kept 1.00 of the gain, the restored ones .94."""
    return beside(models, sft, rng, values)


@PAPER.claim(
    "spectrum-alone-brings-nothing-of-sft",
    says="The singular values of SFT in the base's frames bring at most .05 of the gain",
    source=SOURCE + "; I4: the same of SFT, at weight decay 0",
    metric=BROUGHT_METRIC,
    bound=h.below(BROUGHT),
    null=FRAMES,
    plant=NOTHING_LEARNED,
    expect={"tiny": "supported"},
    family=SPECTRUM,
)
def test_spectrum_alone_brings_nothing_of_sft(sft, models, rng, part="spectrum"):
    return on_base(models, sft, rng, part)


@PAPER.claim(
    "restored-spectrum-keeps-gain-of-sft-with-decay",
    says="With the base's singular values put back SFT with weight decay keeps at least .95 of its gain",
    source=SOURCE + "; I4: the same of SFT, at weight decay .1",
    metric=KEPT_METRIC,
    bound=h.above(KEPT),
    null=(RANDOM, DROPPED),
    plant=h.variant(values="tuned"),
    expect={"tiny": "inconclusive"},
    family=SPECTRUM,
    nightly=True,
)
def test_restored_spectrum_keeps_gain_of_sft_with_decay(sft_wd, models, rng, values="base"):
    return beside(models, sft_wd, rng, values)


@PAPER.claim(
    "spectrum-alone-brings-nothing-of-sft-with-decay",
    says="The singular values of SFT with weight decay in the base's frames bring at most .05 of the gain",
    source=SOURCE + "; I4: the same of SFT, at weight decay .1",
    metric=BROUGHT_METRIC,
    bound=h.below(BROUGHT),
    null=FRAMES,
    plant=NOTHING_LEARNED,
    expect={"tiny": "supported"},
    family=SPECTRUM,
    nightly=True,
)
def test_spectrum_alone_brings_nothing_of_sft_with_decay(sft_wd, models, rng, part="spectrum"):
    return on_base(models, sft_wd, rng, part)
