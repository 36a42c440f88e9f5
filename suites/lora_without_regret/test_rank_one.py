"""Rank 1 against all parameters, each at the best rate of a grid of six, under RLVR and under SFT.

`full` trains every parameter of the base, embeddings, head and norms with it; adapters sit on all seven projections.
Trap: a published replication (Qwen3-0.6B) has full fine-tuning pull ahead late; this bench ends after 150 steps.
"""

import harness as h
from suites.lora_without_regret.paper import NEAR, PAPER, RANK, success


@PAPER.claim(
    "rank-one-matches-full-under-rl",
    says="LoRA of rank 1 reaches at least .98 of the success of full fine-tuning under RLVR, rates tuned on grids of one size",
    source="post, RL section; sheet H32: reward gap below 2 %",
    metric="held-out success over that of full fine-tuning",
    bound=h.above(NEAR),
    null=h.null("variant", must="refuted", of="base"),
    plant=h.swap(rlvr_lora_r1="rlvr_full"),
    expect={"tiny": "open"},
    family=RANK,
    nightly=True,
)
def test_rank_one_matches_full_under_rl(rlvr_lora_r1, rlvr_full, models, of="trained"):
    reached = success(models, rlvr_lora_r1) if of == "trained" else models.base(rlvr_lora_r1).held_out_success
    return reached / success(models, rlvr_full)


@PAPER.claim(
    "rank-one-matches-full-under-sft",
    says="LoRA of rank 1 reaches at least .98 of the success of full fine-tuning under SFT, rates tuned on grids of one size",
    source="control of H32: under SFT the post has rank 1 fall behind as data grows",
    metric="held-out success over that of full fine-tuning",
    bound=h.above(NEAR),
    null=h.null("variant", must="refuted", of="base"),
    plant=h.swap(sft_lora_r1="sft_full"),
    expect={"tiny": "open"},
    family=RANK,
    nightly=True,
)
def test_rank_one_matches_full_under_sft(sft_lora_r1, sft_full, models, of="trained"):
    reached = success(models, sft_lora_r1) if of == "trained" else models.base(sft_lora_r1).held_out_success
    return reached / success(models, sft_full)


@PAPER.claim(
    "rank-one-costs-more-under-sft",
    says="Rank 1 falls further behind full fine-tuning under SFT than under RLVR",
    source="post: a bit an episode is what RL has to store; sheet H32's control",
    metric="success of rank 1 over full under SFT, over the same under RLVR",
    bound=h.below(1.0, on="log"),
    null=h.swap(sft_lora_r1="sft_lora_r1_twin", sft_full="sft_lora_r1", rlvr_lora_r1="rlvr_lora_r1_twin", rlvr_full="rlvr_lora_r1"),
    plant=h.variant(sft="base"),
    expect={"tiny": "open"},
    family=RANK,
    nightly=True,
)
def test_rank_one_costs_more_under_sft(sft_lora_r1, sft_full, rlvr_lora_r1, rlvr_full, models, sft="trained"):
    """The null has rank 1 from another draw against rank 1 in both; the plant the base in its place under SFT."""
    start = models.base(sft_lora_r1).held_out_success
    under_sft = (start if sft == "base" else success(models, sft_lora_r1)) / success(models, sft_full)
    return under_sft / (success(models, rlvr_lora_r1) / success(models, rlvr_full))
