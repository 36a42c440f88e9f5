"""What families of matrices around the base leave of SFT's update: the controls of test_residuals.py."""

import harness as h
from suites.iso.paper import PAPER, RESIDUALS
from suites.iso.test_residuals import CHANCE, HALF, LESS, LESS_BY_ISO, MARGIN


@PAPER.claim(
    "remix-leaves-chance-sft",
    says="A remix of the base's singular directions leaves as much of SFT's update as of isotropic noise",
    source="as quoted: remix fails, 87 % left; that is what it leaves of noise (sheet 2.2, derived)",
    metric="u_remix with all directions over its isotropic value, median over the matrices that are not square",
    bound=CHANCE,
    null=h.null("weight_decay", must="refuted"),
    plant=h.plant("isotropic"),
    expect={"tiny": "open"},
    family=RESIDUALS,
)
def test_remix_leaves_chance_of_sft(sft):
    return h.unexplained_excess(sft, "remix")


@PAPER.claim(
    "left-leaves-less-than-of-noise-sft",
    says="The base's leading half of left directions leaves of SFT's update under .99 times what it leaves of noise",
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
def test_left_leaves_less_of_sft(sft):
    return h.unexplained_excess(sft, "left", fraction=HALF)


@PAPER.claim(
    "right-leaves-less-than-of-noise-sft",
    says="The base's leading half of right directions leaves of SFT's update under .99 times what it leaves of noise",
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
def test_right_leaves_less_of_sft(sft):
    return h.unexplained_excess(sft, "right", fraction=HALF)


@PAPER.claim(
    "isospectral-leaves-less-than-of-noise-sft",
    says="The isospectral family leaves of SFT's update under .88 times what it leaves of isotropic noise",
    source="the control of isospectral-leaves-less-than-of-noise; as quoted SFT has 35 %, ten times noise",
    metric="u_iso = |sigma(W) - sigma(W0)| / |D| over 1 / sqrt(max(m, n)), median matrix",
    bound=LESS_BY_ISO,
    null="isotropic",
    plant="tilt",
    expect={"tiny": "open"},
    family=RESIDUALS,
    version=2,
    why=MARGIN,
)
def test_isospectral_leaves_less_of_sft(sft):
    return h.unexplained_excess(sft, "iso")
