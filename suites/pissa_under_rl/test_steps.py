"""How long the steps are, and where they lie."""

import harness as h
from suites.pissa_under_rl.paper import PAPER, SPECTRUM

TWIN = "rlvr_lora_twin"


def first(arm):
    """The update of the first step."""
    return arm.trajectory[0][1]


def length(change):
    """|D|_F over all matrices."""
    return sum(norm**2 for norm in change.norm().values()) ** 0.5


@PAPER.claim(
    "pissa-takes-longer-steps",
    says="At one rate PiSSA's first update under RLVR is more than twice as long as LoRA's",
    source="sheet 1.4: 3.2 under SGD; 3.7: an Adam step moves W by about lr (|A| + |B|)",
    metric="|D_1| over all adapted matrices, PiSSA over LoRA",
    bound=h.above(2.0, on="log"),
    null=h.swap(rlvr_pissa_equal=TWIN),
    no_plant="a longer step by construction is a larger rate",
    expect={"tiny": "refuted"},
    family=SPECTRUM,
    nightly=True,
    version=2,
    why="expected supported from the sheet's 3.2, which is of SGD; one step of Adam is 1.74 times LoRA's. The bound stays",
)
def test_pissa_takes_longer_steps(rlvr_pissa_equal, rlvr_lora):
    return length(first(rlvr_pissa_equal)) / length(first(rlvr_lora))


@PAPER.claim(
    "pissa-moves-the-spectrum-more",
    says="PiSSA moves the singular values more than twice as far as LoRA of the same update norm does",
    source="GeoRA 2601.09361: NSS .395 of PiSSA, .092 of GeoRA, norms not matched; sheet P5: no difference once they are",
    metric="normalised spectral shift at LoRA's update norm, over LoRA's",
    bound=h.above(2.0, on="log"),
    within="median",
    null=h.swap(rlvr_pissa_equal=TWIN),
    plant="scaled_spectrum",
    expect={"tiny": "refuted"},
    family=SPECTRUM,
    nightly=True,
    version=2,
    why="the plant of version 1 turned frames, which moves no singular value: it could not be found",
)
def test_pissa_moves_the_spectrum_more(rlvr_pissa_equal, rlvr_lora):
    here = rlvr_pissa_equal.matched(rlvr_lora, on="update_norm")
    return h.normalized_spectral_shift(here) / h.normalized_spectral_shift(rlvr_lora)


@PAPER.claim(
    "milora-drifts-to-principal",
    says="By the end of RLVR MiLoRA has more than 1.5 times chance of its update in the leading block of the base",
    source="the paper's explanation of MiLoRA's 18.0: it drifts back to the principal directions",
    metric="energy in the leading eighth on both sides over chance, median matrix",
    bound=h.above(1.5, on="log"),
    null="isotropic",
    plant="principal_block",
    expect={"tiny": "open"},
    family=SPECTRUM,
    nightly=True,
)
def test_milora_drifts_to_principal(rlvr_milora_equal):
    return h.principal_enrichment(rlvr_milora_equal)
