"""Merging singular vectors: TSV-M, Iso-C and Iso-CTS against a tuned sum, at three experts and at six."""

import harness as h
from suites.isotropic_merging.paper import CALIBRATION, ISOTROPIC, MANY, TSV
from suites.task_vectors.paper import MERGING, METRIC, OVER_BASE, SHUFFLED, ahead
from suites.task_vectors.specialists import Specialists, low_rank

QUOTED = "89.0, 84.6, 80.6 against 75.4, 70.5, 65.8 in Tab. 1 of 2502.04959"


@TSV.claim(
    "beats-task-arithmetic",
    says="TSV-M merges three RL specialists into a better model than task arithmetic",
    source=f"abstract; {QUOTED}; sheet 3.5: .962, .970, .977 against .951, .950, .974",
    metric=METRIC + "; TSV-M less task arithmetic, both tuned",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_tsv_beats_task_arithmetic(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, made="trained", against="task-arithmetic"
):
    return ahead(Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made), "tsv-m", against)


@TSV.claim(
    "beats-task-arithmetic-of-sft",
    says="TSV-M merges three SFT specialists into a better model than task arithmetic",
    source=f"abstract; {QUOTED}; sheet 3.5: .927, .971, .975 against .933, .950, .963",
    metric=METRIC + "; TSV-M less task arithmetic, both tuned",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_tsv_beats_task_arithmetic_of_sft(
    sft_addition, sft_sorting, sft_reversal, models, rng, made="trained", against="task-arithmetic"
):
    return ahead(Specialists(models, (sft_addition, sft_sorting, sft_reversal), rng, made), "tsv-m", against)


@TSV.claim(
    "orthogonal-vectors-matter",
    says="TSV-M merges RL specialists into a better model than the sum of the same leading triplets, not made orthogonal",
    source="ablation as quoted: low rank alone against low rank without interference",
    metric=METRIC + "; TSV-M less the sum of the truncated, both tuned",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_orthogonal_vectors_matter(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, made="trained", against="truncated"
):
    s = Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made)
    if against == "base":
        return ahead(s, "tsv-m", against)
    cut = s.with_states([low_rank(s.base, each, 1 / 3) for each in s.states])
    return s.best("tsv-m") - cut.best("task-arithmetic")


@TSV.claim(
    "tenth-of-ranks-keeps-specialist",
    says="A tenth of the singular triplets of each matrix' update keeps over .99 of an RL specialist's success",
    source="TSV-C as quoted: 10 % of the size, 99 % of the accuracy",
    metric="success of the truncated specialist over its own, mean of the three tasks",
    bound=h.above(0.99),
    null=h.variant(which="random"),
    plant=h.variant(share=1.0),
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
)
def test_tenth_of_ranks_keeps_specialist(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, share=0.1, which="leading"
):
    """The null keeps as many triplets, drawn at random."""
    s = Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng)
    return s.retained([low_rank(s.base, each, share, rng if which == "random" else None) for each in s.states])


@ISOTROPIC.claim(
    "iso-c-beats-task-arithmetic",
    says="Iso-C merges three RL specialists into a better model than task arithmetic",
    source="Tab. 1: 90.6, 84.8, 79.6 against 75.4, 70.5, 65.8 at 8, 14, 20 tasks; sheet M5: not at three, -.04 to +.004",
    metric=METRIC + "; Iso-C less task arithmetic, both tuned",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=OVER_BASE,
    expect={"tiny": "refuted"},
    family=MERGING,
    nightly=True,
    version=2,
    why="version 1 chose the edge of its grid, 1.6, for Iso-C in every case; the grid is TSV-M's now, to 2, of as many factors",
)
def test_iso_c_beats_task_arithmetic(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, made="trained", against="task-arithmetic"
):
    return ahead(Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made), "iso-c", against)


@ISOTROPIC.claim(
    "iso-c-wins-with-six",
    says="Iso-C of six specialists, by RL and by SFT of three tasks, is over .05 better than task arithmetic",
    source="sheet M5: at least .05 once there are six experts; here two of each task",
    metric=METRIC + "; Iso-C less task arithmetic of six, both tuned",
    bound=h.above(MANY),
    null=SHUFFLED,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
    version=2,
    why="version 1 chose the edge of its grid, 1.6, for Iso-C in every case; the grid is TSV-M's now, to 2, of as many factors",
)
def test_iso_c_wins_with_six(
    rlvr_addition, rlvr_sorting, rlvr_reversal, sft_addition, sft_sorting, sft_reversal, models, rng,
    made="trained", against="task-arithmetic",
):  # fmt: skip
    experts = (rlvr_addition, rlvr_sorting, rlvr_reversal, sft_addition, sft_sorting, sft_reversal)
    return ahead(Specialists(models, experts, rng, made), "iso-c", against)


@ISOTROPIC.claim(
    "task-directions-help",
    says="Iso-CTS merges three RL specialists into a better model than Iso-C",
    source="Tab. 1: 91.1, 86.4, 82.4 against 90.6, 84.8, 79.6",
    metric=METRIC + "; Iso-CTS less Iso-C, both tuned",
    bound=h.above(0.0),
    null=SHUFFLED,
    plant=OVER_BASE,
    expect={"tiny": "open"},
    family=MERGING,
    nightly=True,
    version=2,
    why="version 1 chose the edge of its grid, 1.6, for Iso-C in every case; the grid is TSV-M's now, to 2, of as many factors",
)
def test_task_directions_help(
    rlvr_addition, rlvr_sorting, rlvr_reversal, models, rng, made="trained", against="iso-c"
):
    return ahead(Specialists(models, (rlvr_addition, rlvr_sorting, rlvr_reversal), rng, made), "iso-cts", against)


@ISOTROPIC.claim(
    "iso-c-is-flat",
    says="The update of Iso-C has equal singular values, whose sum is that of the summed task vectors",
    source="the rule of Iso-C: W0 + alpha mean(S) U V^T",
    metric="all singular values within 1e-10 of their mean, and of the sum's mean",
    bound=h.exact(True),
    null=h.variant(method="task-arithmetic"),
    no_plant="an identity is checked, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_iso_c_is_flat(rng, method="iso-c"):
    import torch

    w0, *taus = (torch.randn(48, 32, generator=rng, dtype=torch.float64) for _ in range(4))
    merged = h.merge(method, {"w": w0}, [{"w": w0 + 0.01 * tau} for tau in taus])["w"]
    values, mean = torch.linalg.svdvals(merged - w0), torch.linalg.svdvals(0.01 * sum(taus)).mean()
    return bool(((values - mean).abs() < 1e-10 * mean).all())
