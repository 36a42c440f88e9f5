"""The best rate of adapters over that of full fine-tuning, replicate by replicate.

best(arm) = the rate of the arm's grid with the highest mean reward of the last 30 training steps
Grids step by half decades: a ratio of best rates is 1, 3, 10, 30 ..., and the mean over replicates lies between.
"""

import harness as h
from suites.iso.speed import LAST, mean
from suites.lora_without_regret.paper import PAPER, RATE


def best(models, arms, rates):
    """The rate of the arm that earned most."""
    earned = [mean(models.rewards(arm)[-LAST:]) for arm in arms]
    return rates[earned.index(max(earned))]


@PAPER.claim(
    "lora-wants-ten-times-the-rate",
    says="Under RLVR the best rate of LoRA of rank 1 is 5 to 20 times that of full fine-tuning",
    source="post: about 10 times, 15 for short runs; sheet H32: in [5, 20]",
    metric="best rate of six over that of full fine-tuning",
    bound=h.equivalent(5.0, 20.0, on="log"),
    null=h.variant(of="full"),
    plant=h.variant(of="ten"),
    expect={"tiny": "open"},
    family=RATE,
    nightly=True,
)
def test_lora_wants_ten_times_the_rate(
    rlvr_lora_r1_g0, rlvr_lora_r1_g1, rlvr_lora_r1_g2, rlvr_lora_r1_g3, rlvr_lora_r1_g4, rlvr_lora_r1_g5,
    rlvr_full_g0, rlvr_full_g1, rlvr_full_g2, rlvr_full_g3, rlvr_full_g4, rlvr_full_g5, models, of="lora",
):  # fmt: skip
    """The null is full fine-tuning against itself; the plant its best rate times ten."""
    from harness.training.adapter_arms import grid

    full = (rlvr_full_g0, rlvr_full_g1, rlvr_full_g2, rlvr_full_g3, rlvr_full_g4, rlvr_full_g5)
    lora = (rlvr_lora_r1_g0, rlvr_lora_r1_g1, rlvr_lora_r1_g2, rlvr_lora_r1_g3, rlvr_lora_r1_g4, rlvr_lora_r1_g5)
    of_full = best(models, full, grid("rlvr_full"))
    if of == "full":
        return 1.0
    return (10 * of_full if of == "ten" else best(models, lora, grid("rlvr_lora_r1"))) / of_full
