"""Gate II, geometry: does the update avoid the base's principal directions, and would noise have looked the same?"""

import harness as h
from suites.path_not_taken.paper import ALPHA, CALIBRATION, MAIN, PAPER, SWEEPS, in_published_size


@PAPER.claim(
    "energy-off-principal",
    says="RLVR's update has less energy between the base's leading directions than isotropic noise would put there",
    source="Sec. 4.2 read as energy (H06): two-sided block of the top sixteenth, under .8 of chance",
    metric="|U_k' D V_k|_F^2 / |D|_F^2 over k^2/(mn)",
    bound=h.below(0.8, on="log"),
    null="isotropic",
    plant=h.plant("principal_block", must="refuted"),
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "refuted", "small": "open"},
    family=MAIN,
    version=2,
    why="judged on SmolLM2 too; bound and controls are as they were",
)
def test_energy_off_principal(rlvr):
    return h.principal_enrichment(rlvr, fraction=1 / 16)


@PAPER.claim(
    "energy-below-haar",
    says="RLVR's update has less energy between the leading directions than random frames with its own spectrum",
    source="Sec. 4.2 read as energy, with the spectrum-matched null of its replications (H06): z under -2",
    metric="z of the two-sided energy share of the top sixteenth against 20 Haar draws",
    bound=h.below(-2.0),
    null="isotropic",
    plant=h.plant("principal_block", must="refuted"),
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "refuted"},
    family=SWEEPS,
    nightly=True,
)
def test_energy_below_haar(rlvr, rng):
    return h.haar_z(rlvr, "rho2_uv", rng, fraction=1 / 16)


@PAPER.claim(
    "mask-below-density-matched",
    says="RLVR's visible changes avoid the principal weights more than noise of the same density does",
    source="Sec. 4.2, Fig. 5 with a density-matched null (H05): z under -2",
    metric="z of the overlap with M_princ on the bf16 mask against 20 density-matched draws",
    bound=h.below(-2.0),
    null="isotropic",
    plant="principal_free",
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "refuted"},
    family=SWEEPS,
    nightly=True,
)
def test_mask_below_density_matched(rlvr, rng):
    update = in_published_size(rlvr)
    return h.surrogate_z(update, "mask_overlap", "density_matched", rng, which="principal", alpha=ALPHA)


@PAPER.claim(
    "less-principal-than-sft",
    says="At equal norm RLVR's update is less principal than SFT's",
    source="Sec. 4.2, Fig. 5 (H06, its SFT control at weight decay 0)",
    metric="principal enrichment, RLVR over SFT matched on update norm",
    bound=h.below(1.0, on="log"),
    null=h.null("isotropic", on="*"),
    plant=h.plant("principal_block", on="sft"),
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "inconclusive", "small": "open"},
    family=MAIN,
    version=2,
    why="judged on SmolLM2 too; bound and controls are as they were",
)
def test_less_principal_than_sft(rlvr, sft):
    matched = sft.matched(rlvr, on="update_norm")
    return h.principal_enrichment(rlvr, fraction=1 / 16) / h.principal_enrichment(matched, fraction=1 / 16)


@PAPER.claim(
    "mask-avoids-principal",
    says="RLVR's visible changes overlap the principal weights less than chance",
    source="Sec. 4.2, Fig. 5 as published: overlap of the bf16 change mask with M_princ, alpha .3 (H05)",
    metric="|M_princ & M| / |M| on the bf16 mask, at the published size",
    bound=h.below(ALPHA),
    null="isotropic",
    plant="principal_free",
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "inconclusive", "small": "inconclusive"},
    family=MAIN,
    version=2,
    why="judged on SmolLM2 too; bound and controls are as they were",
)
def test_mask_avoids_principal(rlvr):
    """Noise seen through bf16 avoids them too: bf16 shows small weights, and principal weights are large."""
    return h.mask_overlap(in_published_size(rlvr), "principal", alpha=ALPHA)


@PAPER.claim(
    "mask-prefers-low",
    says="RLVR's visible changes overlap the low-magnitude weights more than chance",
    source="Sec. 4.2, Fig. 5 as published: overlap of the bf16 change mask with M_low, alpha .3 (H05)",
    metric="|M_low & M| / |M| on the bf16 mask, at the published size",
    bound=h.above(ALPHA),
    null="isotropic",
    no_plant="bf16 gates every small update by |W0|: none can be built that must pass and noise must not",
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "inconclusive", "small": "inconclusive"},
    family=MAIN,
    version=2,
    why="judged on SmolLM2 too; bound and controls are as they were",
)
def test_mask_prefers_low(rlvr):
    return h.mask_overlap(in_published_size(rlvr), "low", alpha=ALPHA)


@PAPER.claim(
    "mask-beyond-gating",
    says="RLVR's visible changes avoid the principal weights more than noise of the same norm does",
    source="Sec. 4.2, Fig. 5 with the null it lacks (H05); the margin of 2 points is ours",
    metric="overlap with M_princ on the bf16 mask, RLVR - isotropic noise of the same norm",
    bound=h.below(-0.02),
    null="isotropic",
    plant="principal_free",
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "refuted", "small": "refuted"},
    family=MAIN,
    version=2,
    why="judged on SmolLM2 too; bound and controls are as they were",
)
def test_mask_beyond_gating(rlvr, rng):
    update = in_published_size(rlvr)
    noise = h.isotropic(update, rng)
    return h.mask_overlap(update, "principal", alpha=ALPHA) - h.mask_overlap(noise, "principal", alpha=ALPHA)


@PAPER.claim(
    "largest-changes-avoid-principal",
    says="RLVR's largest changes, no format between, avoid the principal weights more than noise of the same norm does",
    source="Sec. 4.2, Fig. 5 read on the fp32 update (H05, control): the published density .2776; the margin of 2 points is ours",
    metric="overlap with M_princ of the largest 27.76 % of |D|, RLVR - isotropic noise of the same norm",
    bound=h.below(-0.02),
    null="isotropic",
    plant="principal_free",
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "open", "small": "open"},
    family=SWEEPS,
    nightly=True,
)
def test_largest_changes_avoid_principal(rlvr, rng):
    """What the mask would show if no format chose the entries."""
    both = (h.mask_overlap(each, "principal", alpha=ALPHA, density=0.2776) for each in (rlvr, h.isotropic(rlvr, rng)))
    return next(both) - next(both)


@PAPER.claim(
    "noise-has-published-overlap",
    says="Noise alone, at the density of a published RLVR run, overlaps M_low as that run does: .735 within .035",
    source="OPD geometry (2606.07082) Fig. 3: density .2776, M_low overlap .7348, alpha .3, against a density-matched null",
    metric="|M_low & M| / |M| of isotropic noise scaled to bf16 density .2776",
    bound=h.equivalent(0.70, 0.77),
    null=h.variant(published=0.9273),
    no_plant="the claim is about noise itself",
    expect={"small": "supported", "tiny": "open"},
    family=CALIBRATION,
)
def test_noise_has_published_overlap(noise, published=0.2776):
    """The null is noise at SFT's density, .9273: its overlap is .319 and must not pass."""
    return h.mask_overlap(h.at_density(noise, published), "low", alpha=ALPHA)


@PAPER.claim(
    "noise-mask-avoids-principal",
    says="Noise alone, seen through bf16, overlaps the principal weights less than chance",
    source="the reading of Fig. 5 that needs no learning (H05, control)",
    metric="|M_princ & M| / |M| of isotropic noise of relative norm 1e-3 on the bf16 mask",
    bound=h.below(ALPHA - 0.02),
    null=h.variant(dtype="fp32"),
    plant=h.variant(size=0.1),
    expect={"small": "supported", "tiny": "supported"},
    family=CALIBRATION,
    version=2,
    why="in fp32 every entry changes, so the null met chance but for the rounding of the mask's size; now 2 points below it",
)
def test_noise_mask_avoids_principal(noise, dtype="bf16", size=1.0):
    """The null is the same noise in fp32, where every entry counts as changed; the plant is gated harder."""
    return h.mask_overlap(noise.scaled(size), "principal", alpha=ALPHA, dtype=dtype)


@PAPER.claim(
    "rounding-looks-off-principal",
    says="bf16 rounding alone takes isotropic noise below chance in principal energy",
    source="Sec. 4.2 read as energy; a trap of bf16 deltas",
    metric="principal enrichment, top tenth, of noise as two bf16 checkpoints show it",
    bound=h.below(1.0, on="log"),
    null=h.variant(dtype="fp32"),
    plant=h.variant(size=0.1),
    expect={"small": "supported"},
    family=CALIBRATION,
    needs=("real-weights",),
)
def test_rounding_looks_off_principal(noise, dtype="bf16", size=1.0):
    """Relative norm 1.5e-4, one that a short RL run has; the plant is gated harder still."""
    return h.principal_enrichment(noise.scaled(0.15 * size).seen_in(dtype), fraction=1 / 10)
