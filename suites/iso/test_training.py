"""Is a fixed spectrum enough to learn, and is a spectrum alone too little? Success on held-out problems at the end of each run.

Two ways of holding the spectrum: the isospectral optimizer at its tuned rate (rl_methods.py), and a projection after every step
of AdamW at rlvr's own (spectrum_training.py), which changes nothing else. All arms of a seed see the same problems in order.
"""

import harness as h
from suites.iso.paper import GAP, PAPER, STALLED, TRAINING, success

GAP_METRIC = "expected reward on held-out problems, isospectral less free training"
SHARE_METRIC = "share of free training's gain in held-out reward, both over a run whose matrices are frozen"
FREE_TWIN = h.swap(rl_adamw="rl_adamw_twin")


def share(models, arm, free, frozen):
    """Gain of an arm over frozen matrices, as a share of free training's."""
    start = success(models, frozen)
    return (success(models, arm) - start) / (success(models, free) - start)


@PAPER.claim(
    "training-matrices-pays",
    says="With its matrices frozen RLVR ends over .05 below AdamW in held-out reward",
    source="what every comparison here rests on: else embeddings, head and norms would do; the margin is ours",
    metric="expected reward on held-out problems, AdamW less frozen matrices",
    bound=h.above(0.05),
    null=h.swap(rl_frozen="rl_adamw_twin"),
    no_plant="a model that is held still is the plant: nothing trains less",
    expect={"tiny": "supported"},
    family=TRAINING,
    nightly=True,
)
def test_training_matrices_pays(rl_adamw, rl_frozen, models):
    return success(models, rl_adamw) - success(models, rl_frozen)


@PAPER.claim(
    "isospectral-training-suffices",
    says="ISO-AdamW ends at most .02 below AdamW in held-out reward, at equal steps and each at its tuned rate",
    source="as quoted: AdamW .495 after 270 updates, ISO-AdamW .495 after 100 and .509 after 210; sheet H16",
    metric=GAP_METRIC,
    bound=h.above(GAP),
    null=(h.null("swap", must="refuted", iso="iso_spectrum"), h.null("swap", must="refuted", iso="rl_frozen")),
    plant=h.swap(iso="rl_adamw"),
    floor=FREE_TWIN,
    expect={"tiny": "supported"},
    family=TRAINING,
    nightly=True,
)
def test_isospectral_training_suffices(iso, rl_adamw, models):
    return success(models, iso) - success(models, rl_adamw)


@PAPER.claim(
    "riemannian-training-suffices",
    says="With Riemannian gradients and transported momentum ISO-AdamW ends at most .02 below AdamW in held-out reward",
    source="the complete variant of sheet 2.3; bound of H16",
    metric=GAP_METRIC,
    bound=h.above(GAP),
    null=(
        h.null("swap", must="refuted", iso_riemannian="iso_spectrum"),
        h.null("swap", must="refuted", iso_riemannian="rl_frozen"),
    ),
    plant=h.swap(iso_riemannian="rl_adamw"),
    floor=FREE_TWIN,
    expect={"tiny": "open"},
    family=TRAINING,
    nightly=True,
)
def test_riemannian_training_suffices(iso_riemannian, rl_adamw, models):
    return success(models, iso_riemannian) - success(models, rl_adamw)


@PAPER.claim(
    "iso-muon-suffices",
    says="ISO-Muon ends at most .02 below Muon in held-out reward, at equal steps and each at its tuned rate",
    source="as quoted: ISO-Muon 1.4 times faster than Muon; bound of sheet H16",
    metric="expected reward on held-out problems, ISO-Muon less Muon",
    bound=h.above(GAP),
    null=(h.null("swap", must="refuted", iso_muon="iso_spectrum"), h.null("swap", must="refuted", iso_muon="rl_frozen")),
    plant=h.swap(iso_muon="muon"),
    expect={"tiny": "open"},
    family=TRAINING,
    nightly=True,
)
def test_iso_muon_suffices(iso_muon, muon, models):
    return success(models, iso_muon) - success(models, muon)


@PAPER.claim(
    "spectrum-only-stalls",
    says="Training the singular values alone, at a rate of its own, gains under a fifth of what AdamW gains on the matrices",
    source="as quoted: spectrum-only training stalls; sheet H16. Seed 100 says otherwise (reward .374 of .405, frozen .275)",
    metric=SHARE_METRIC,
    bound=h.below(STALLED),
    null=(h.null("swap", must="refuted", iso_spectrum="iso"), h.null("swap", must="refuted", iso_spectrum="rl_adamw_twin")),
    plant=h.swap(iso_spectrum="rl_frozen"),
    expect={"tiny": "refuted"},
    family=TRAINING,
    nightly=True,
)
def test_spectrum_only_stalls(iso_spectrum, rl_adamw, rl_frozen, models):
    return share(models, iso_spectrum, rl_adamw, rl_frozen)


@PAPER.claim(
    "projected-spectrum-only-stalls",
    says="AdamW's own steps, projected on the singular values and made as long as they were, gain under a fifth of its gain",
    source="as quoted: spectrum-only training stalls; sheet H16. Full steps: what stalls does not stall for their length",
    metric=SHARE_METRIC + ", at rlvr's rate",
    bound=h.below(STALLED),
    null=(
        h.null("swap", must="refuted", rlvr_spectrum_only_full="rlvr_isospectral"),
        h.null("swap", must="refuted", rlvr_spectrum_only_full="rlvr_twin"),
    ),
    plant=h.swap(rlvr_spectrum_only_full="rl_frozen"),
    expect={"tiny": "refuted"},
    family=TRAINING,
    nightly=True,
    version=2,
    why="version 1 expected support, as published, and read .43 (.35-.52) on seeds 0-4; bound and controls are as they were",
)
def test_projected_spectrum_only_stalls(rlvr_spectrum_only_full, rlvr, rl_frozen, models):
    return share(models, rlvr_spectrum_only_full, rlvr, rl_frozen)


@PAPER.claim(
    "projected-training-suffices",
    says="RLVR by AdamW with the base's spectrum put back after every step ends at most .02 below RLVR in held-out reward",
    source="as quoted: fixed-spectrum training does at least as well as free training; sheet I2, H16",
    metric=GAP_METRIC,
    bound=h.above(GAP),
    null=(
        h.null("swap", must="refuted", rlvr_isospectral="rlvr_spectrum_only"),
        h.null("swap", must="refuted", rlvr_isospectral="rl_frozen"),
    ),
    plant=h.swap(rlvr_isospectral="rlvr"),
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "supported"},
    family=TRAINING,
    nightly=True,
)
def test_projected_training_suffices(rlvr_isospectral, rlvr, models):
    return success(models, rlvr_isospectral) - success(models, rlvr)


@PAPER.claim(
    "projected-training-suffices-for-sft",
    says="SFT, too, loses at most .02 in held-out success where the base's spectrum is put back after every step",
    source="sheet I4: if it holds for SFT as well, a fixed spectrum is nothing that is native to RLVR",
    metric="probability of the right answer on held-out problems, isospectral less free training",
    bound=h.above(GAP),
    null=h.null("swap", must="refuted", sft_isospectral="sft_spectrum_only"),
    plant=h.swap(sft_isospectral="sft"),
    expect={"tiny": "open"},
    family=TRAINING,
    nightly=True,
)
def test_projected_training_suffices_for_sft(sft_isospectral, sft, models):
    return success(models, sft_isospectral) - success(models, sft)
