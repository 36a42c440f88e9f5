"""What do remixes, one-sided changes and the isospectral family leave of an update, beside what they leave of noise?

Published medians of the unexplained ratio are .87 (remix), .45 and .42 (left, right) and .018 (isospectral), on other shapes.
Isotropic noise has a value of its own in each family and shape (harness/spectra/unexplained.py): all are read over that. With
all directions a square matrix is its own remix, so the remix is read where shapes are not square; left and right are read at
half of the directions, since the paper's number of them is not known.
"""

import harness as h
from suites.iso.paper import CALIBRATION, PAPER, RESIDUALS

HALF = 0.5
CHANCE = h.equivalent(0.9, 1.1)
"""Within a tenth of noise: the width is ours."""

LESS = h.below(0.99, on="log")
"""Less than of noise, by more than noise's own luck: one replicate of it reads less than this with a chance of .0006 (left) or
.0003 (right), several on average far less often (spread.py)."""

LESS_BY_ISO = h.below(0.88, on="log")
"""The same for the isospectral family, which leaves q of the m n dimensions: one replicate of noise reads less in .0004."""

MARGIN = (
    "version 1 had its bound at the isotropic value, 1, which noise passes by luck; the margin is noise's own spread at these "
    "shapes, to a chance of .001 (spread.py), derived before any new run"
)


@PAPER.claim(
    "published-remix-ratio-is-chance",
    says="Of isotropic noise on a 1 : 4 matrix remixes leave .8 to .95, as they were published to leave of RLVR",
    source="as quoted: remix leaves 87 % (median); derived: sqrt(1 - q / max(m, n)) = .87 at 1 : 4",
    metric="u_remix with all directions, a 64 x 256 matrix",
    bound=h.equivalent(0.8, 0.95),
    null=(h.null("variant", must="refuted", columns=64), h.null("variant", must="refuted", learned="scaled")),
    no_plant="noise is what the sentence is about",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_published_remix_ratio_is_chance(rng, columns=256, learned="noise"):
    """Nulls: a square matrix, which is its own remix whatever the update, and an update along the matrix itself."""
    import torch

    first = torch.randn(64, columns, generator=rng)
    change = 1e-3 * (first if learned == "scaled" else torch.randn(64, columns, generator=rng))
    return h.unexplained_ratio(h.Change.from_weights({"w": first}, {"w": first + change}, label=learned), "remix")["w"]


@PAPER.claim(
    "remix-leaves-chance",
    says="A remix of the base's singular directions leaves as much of RLVR's update as of isotropic noise",
    source="as quoted: remix fails, 87 % left; that is what it leaves of noise (sheet 2.2, derived)",
    metric="u_remix with all directions over its isotropic value, median over the matrices that are not square",
    bound=CHANCE,
    null=h.null("weight_decay", must="refuted"),
    plant=h.plant("isotropic"),
    expect={"tiny": "open"},
    family=RESIDUALS,
)
def test_remix_leaves_chance(rlvr):
    return h.unexplained_excess(rlvr, "remix")


@PAPER.claim(
    "left-leaves-less-than-of-noise",
    says="The base's leading half of left directions leaves of RLVR's update under .99 times what it leaves of noise",
    source="as quoted: left-preserving leaves 45 %; sheet peft_merge 3.5, fact 3: leading left directions hold 4 times chance",
    metric="u_left at half of the directions over its isotropic value, median matrix",
    bound=LESS,
    null="isotropic",
    plant="principal_block",
    expect={"tiny": "supported"},
    family=RESIDUALS,
    version=2,
    why=MARGIN,
)
def test_left_leaves_less(rlvr):
    return h.unexplained_excess(rlvr, "left", fraction=HALF)


@PAPER.claim(
    "right-leaves-less-than-of-noise",
    says="The base's leading half of right directions leaves of RLVR's update under .99 times what it leaves of noise",
    source="as quoted: right-preserving leaves 42 %; peft_merge 3.5, fact 3: leading right directions hold 5 times chance",
    metric="u_right at half of the directions over its isotropic value, median matrix",
    bound=LESS,
    null="isotropic",
    plant="principal_block",
    expect={"tiny": "supported"},
    family=RESIDUALS,
    version=2,
    why=MARGIN,
)
def test_right_leaves_less(rlvr):
    return h.unexplained_excess(rlvr, "right", fraction=HALF)


@PAPER.claim(
    "isospectral-leaves-less-than-of-noise",
    says="The isospectral family leaves of RLVR's update under .88 times what it leaves of isotropic noise",
    source="as quoted: 1.8 % left (median), where noise has 1.6 to 2.6 % at widths of 4096 to 1536",
    metric="u_iso = |sigma(W) - sigma(W0)| / |D| over 1 / sqrt(max(m, n)), median matrix",
    bound=LESS_BY_ISO,
    null="isotropic",
    plant="tilt",
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "open"},
    family=RESIDUALS,
    version=2,
    why=MARGIN,
)
def test_isospectral_leaves_less(rlvr):
    return h.unexplained_excess(rlvr, "iso")


@PAPER.claim(
    "isospectral-explains-rlvr-better-than-sft",
    says="The isospectral family leaves under a third as much of RLVR's update as of SFT's",
    source="as quoted: rho_Sigma 3 % for RLVR, 35 % for SFT (different bases and decay); the factor 3 is sheet H08's",
    metric="u_iso, RLVR over SFT, median matrix",
    bound=h.below(1 / 3, on="log"),
    null=h.null("isotropic", on="*"),
    plant=h.plant("tilt", on="rlvr"),
    expect={"tiny": "refuted"},
    family=RESIDUALS,
)
def test_isospectral_explains_rlvr_better(rlvr, sft):
    return h.unexplained_ratio(rlvr, "iso") / h.unexplained_ratio(sft, "iso")
