"""Gate II, rotation: how far do the leading subspaces turn, what does Wedin's bound say of it, does the frame carry the update?"""

import harness as h
from suites.path_not_taken.paper import CALIBRATION, MAIN, PAPER

TURNED = ("v_proj", "o_proj")


@PAPER.claim(
    "rotates-less-than-sft",
    says="At equal norm RLVR turns the leading subspaces less than SFT does",
    source="Sec. 4.1, Fig. 4",
    metric="largest principal angle at the gapped k near q/8, RLVR over SFT matched on update norm",
    bound=h.below(1.0, on="log"),
    null=h.null("isotropic", on="*"),
    plant=h.plant("tilt", on="sft", theta=1.5),
    floor=h.swap(rlvr="rlvr_twin"),
    expect={"tiny": "inconclusive", "small": "open"},
    family=MAIN,
    version=2,
    why="judged on SmolLM2 too; bound and controls are as they were",
)
def test_rotates_less_than_sft(rlvr, sft):
    """The plant turns by 1.5 rad, further than an update of this norm can."""
    return h.rotation(rlvr).angle / h.rotation(sft.matched(rlvr, on="update_norm")).angle


@PAPER.claim(
    "wedin-holds",
    says="The sines of the leading subspaces stay below 2 |D|_2 over the gap, at every checkpoint of RLVR and SFT",
    source="Thm. 3.3 with the constant that makes it safe (H15)",
    metric="largest sine over its bound, over checkpoints and matrices, is at most the limit",
    bound=h.exact(True),
    null=h.variant(limit=0.01),
    no_plant="every update must satisfy a theorem: the arms are its plants",
    expect={"tiny": "supported", "small": "supported"},
    family=CALIBRATION,
    version=2,
    why="judged on SmolLM2 too; bound and controls are as they were",
)
def test_wedin_holds(rlvr, sft, limit=1.0):
    """The null asks for a bound a hundred times tighter: if that held too, the measure would see no rotation at all."""
    checkpoints = [change for arm in (rlvr, sft) for _, change in arm.trajectory]
    return max(max(h.wedin_ratio(change).values()) for change in checkpoints) <= limit


@PAPER.claim(
    "wedin-is-vacuous",
    says="On over half of the matrices Wedin's bound exceeds 1 and says nothing about RLVR's update as trained",
    source="Thm. 3.3 read with its own numbers (H15): the bound holds for any update of this norm",
    metric="share of matrices on which 2 |D|_2 over the gap is 1 or more",
    bound=h.above(0.5),
    within="mean",
    null=h.variant(size=1e-3),
    plant=h.variant(size=10.0),
    expect={"tiny": "supported", "small": "open"},
    family=MAIN,
    version=2,
    why="judged on SmolLM2 too, where the default session must not depend on it: so in the family of trained models",
)
def test_wedin_is_vacuous(rlvr, size=1.0):
    return h.wedin_vacuous(rlvr.scaled(size))


def turned_back(rotated, back):
    """The update of a rotated run, carried back into the frame of the run that was not."""
    return h.rotate_back(rotated, rotated.head_map) if back else rotated


def cosine(one, other):
    """Cosine of the two updates in the matrices whose frames were turned."""
    found = h.update_cosine(one, other)
    return h.PerMatrix({name: value for name, value in found.items() if name.endswith(TURNED)})


@PAPER.claim(
    "sgd-follows-the-frame",
    says="Trained with SGD from a function-preserving rotation, the update carried back is the update of the unrotated run",
    source="Sec. 4.3, Fig. 6 with the test it lacks (H10): geometry moves with the frame",
    metric="cosine of the V and O updates after rotating back",
    bound=h.above(0.99),
    within="min",
    null=h.variant(back=False),
    no_plant="the same run twice would test the cosine, which its own tests do",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_sgd_follows_the_frame(sft_sgd, sft_sgd_rotated, back=True):
    return cosine(sft_sgd, turned_back(sft_sgd_rotated, back))


@PAPER.claim(
    "adam-follows-the-grid",
    says="Trained with Adam from the same rotation, the update carried back is another one: its cosine lies between .3 and .9",
    source="Sec. 4.3, Fig. 6 with the test it lacks (H10): Adam's step is taken entry by entry",
    metric="cosine of the V and O updates after rotating back",
    bound=h.equivalent(0.3, 0.9),
    null=h.variant(back=False),
    no_plant="an update of a chosen cosine would test the cosine, which its own tests do",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_adam_follows_the_grid(sft, sft_rotated, back=True):
    return cosine(sft, turned_back(sft_rotated, back))


@PAPER.claim(
    "mask-collapse-is-no-geometry",
    says="Where SGD's update follows the frame exactly, the bf16 masks agree no more than chance: the collapse shows no geometry",
    source="Sec. 4.3, Fig. 6: overlap falls to random in rotated layers (H10, control)",
    metric="Jaccard of the V and O change masks - its baseline, SGD, at the published size",
    bound=h.equivalent(-0.05, 0.05),
    null=h.swap(sft_sgd_rotated="sft_sgd"),
    no_plant="independent masks would test the baseline, which its own tests do",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_mask_collapse_is_no_geometry(sft_sgd, sft_sgd_rotated):
    """A rotated base is off the bf16 grid; both bases are rounded, as two released checkpoints would be."""
    pair = [arm.scaled(1e-3 / arm.relative_norm()).seen_in("bf16") for arm in (sft_sgd, sft_sgd_rotated)]
    excess = h.jaccard(*pair) - h.jaccard_baseline(*pair)
    return h.PerMatrix({name: value for name, value in excess.items() if name.endswith(TURNED)})
