"""Is the base's spectrum special, is the tuned one worth anything, and does either tell RLVR from SFT? Paired contrasts."""

import harness as h
from suites.iso.kept import beside, on_base
from suites.iso.paper import KEPT, PAPER, SPECTRUM


@PAPER.claim(
    "restored-beats-random",
    says="The base's singular values keep more of RLVR's gain than values that are as far from the tuned ones at random",
    source="the control of sheet I3, as a contrast: is the base's spectrum special, or is any spectrum so near as good?",
    metric="share of the gain in held-out success, restored less random",
    bound=h.above(0.0),
    null=h.variant(values="random"),
    plant=h.variant(against="none"),
    expect={"tiny": "open"},
    family=SPECTRUM,
)
def test_restored_beats_random(rlvr, models, rng, values="base", against="random"):
    """The null is one random draw less another."""
    return beside(models, rlvr, rng, values) - beside(models, rlvr, rng, against)


@PAPER.claim(
    "tuned-values-beat-random",
    says="In the base's frames the singular values of RLVR bring more of the gain than random ones at their distance",
    source="the control of sheet I3: does a learned spectrum carry anything at all? As quoted: no gain",
    metric="share of the gain in held-out success, tuned values less random ones",
    bound=h.above(0.0),
    null=h.variant(part="random"),
    plant=h.variant(part="frames"),
    expect={"tiny": "open"},
    family=SPECTRUM,
)
def test_tuned_values_beat_random(rlvr, models, rng, part="spectrum"):
    return on_base(models, rlvr, rng, part) - on_base(models, rlvr, rng, "random")


@PAPER.claim(
    "restored-beats-random-of-sft",
    says="The base's singular values keep more of SFT's gain than values that are as far from the tuned ones at random",
    source="the control of sheet I3, as a contrast: is the base's spectrum special, or is any spectrum so near as good?",
    metric="share of the gain in held-out success, restored less random",
    bound=h.above(0.0),
    null=h.variant(values="random"),
    plant=h.variant(against="none"),
    expect={"tiny": "open"},
    family=SPECTRUM,
)
def test_restored_beats_random_of_sft(sft, models, rng, values="base", against="random"):
    """The null is one random draw less another."""
    return beside(models, sft, rng, values) - beside(models, sft, rng, against)


@PAPER.claim(
    "tuned-values-beat-random-of-sft",
    says="In the base's frames the singular values of SFT bring more of the gain than random ones at their distance",
    source="the control of sheet I3: does a learned spectrum carry anything at all? As quoted: no gain",
    metric="share of the gain in held-out success, tuned values less random ones",
    bound=h.above(0.0),
    null=h.variant(part="random"),
    plant=h.variant(part="frames"),
    expect={"tiny": "open"},
    family=SPECTRUM,
)
def test_tuned_values_beat_random_of_sft(sft, models, rng, part="spectrum"):
    return on_base(models, sft, rng, part) - on_base(models, sft, rng, "random")


@PAPER.claim(
    "restored-beats-random-of-sft-with-decay",
    says="The base's singular values keep more of the gain of SFT with decay than random values as far from the tuned ones",
    source="the control of sheet I3, as a contrast: is the base's spectrum special, or is any spectrum so near as good?",
    metric="share of the gain in held-out success, restored less random",
    bound=h.above(0.0),
    null=h.variant(values="random"),
    plant=h.variant(against="none"),
    expect={"tiny": "open"},
    family=SPECTRUM,
    nightly=True,
)
def test_restored_beats_random_of_sft_with_decay(sft_wd, models, rng, values="base", against="random"):
    """The null is one random draw less another."""
    return beside(models, sft_wd, rng, values) - beside(models, sft_wd, rng, against)


@PAPER.claim(
    "tuned-values-beat-random-of-sft-with-decay",
    says="In the base's frames the singular values of SFT with decay bring more of the gain than random ones at their distance",
    source="the control of sheet I3: does a learned spectrum carry anything at all? As quoted: no gain",
    metric="share of the gain in held-out success, tuned values less random ones",
    bound=h.above(0.0),
    null=h.variant(part="random"),
    plant=h.variant(part="frames"),
    expect={"tiny": "open"},
    family=SPECTRUM,
    nightly=True,
)
def test_tuned_values_beat_random_of_sft_with_decay(sft_wd, models, rng, part="spectrum"):
    return on_base(models, sft_wd, rng, part) - on_base(models, sft_wd, rng, "random")


@PAPER.claim(
    "restoration-separates-rlvr-from-sft",
    says="Restoring the base's spectrum keeps over .05 more of RLVR's gain than of SFT's",
    source="the reading of H19 that makes a fixed spectrum RLVR's own, and its margin; the sheet's merging benchmark has no "
    "difference at small updates (peft_merge 3.5, fact 2)",
    metric="share of the gain in held-out success kept at the base's singular values, RLVR less SFT",
    bound=h.above(1.0 - KEPT),
    null=(h.swap(sft="rlvr_twin"), h.variant(values="random")),
    plant=h.variant(of_sft="none"),
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "refuted"},
    family=SPECTRUM,
)
def test_restoration_separates(rlvr, sft, models, rng, values="base", of_sft="base"):
    return beside(models, rlvr, rng, values) - beside(models, sft, rng, values if of_sft == "base" else of_sft)
