"""Fine-tuning on few problems with wrong answers among them, as data: the arms on which calibration is compared. No torch.

Every arm starts from `pretrain` of its seed and sees the same POOL sums, NOISE of them told wrongly, in the same order, for
LONG steps at a constant rate; SHORT of them are a quarter, kept on the way. What differs is what trains, and the rate: the one
of the arm's grid with the least mean training loss over the last 30 of SHORT steps, mean of the tuning seeds
(`python -m harness.training.tune hl_lora`, which prints TUNED). So every arm learns the pool by heart as fast as it can, as the
paper's 80 epochs at one rate do. By the loss on other training problems the best rate of `hl_full` is the least of all that
were tried, 3e-5: on a pool so small it is best not to train long.

Source: HypeLoRA 2603.19278; H1, H2 of the sheet peft_merge 2.2, whose bench has 120 problems and 15 % noise. In the paper a
hypernetwork writes B beside the frozen A; here B trains by itself.
Trap: adapters are drawn by the run's seed. With one draw for all seeds the sheet's order of LoRA and full fine-tuning turns.
"""

from dataclasses import replace

from harness.models.adapters import Adaptation
from harness.training.recipe import Recipe

POOL, NOISE = 128, 0.15
SHORT, LONG = 64, 256
"""16 and 64 passes over the pool. Kept steps are powers of 2 up to LONG."""

FULL = "hl_full"
VARIANTS: dict[str, Adaptation | None] = {
    FULL: None,
    "hl_lora": Adaptation("lora"),
    "hl_lora_half": Adaptation("lora", rank=4, alpha=8.0),
    "hl_frozen_a": Adaptation("lora_frozen_a"),
    "hl_frozen_b": Adaptation("lora_frozen_b"),
}
"""Rank 8 where nothing is said, alpha / r = 2 throughout. Half the rank trains as many numbers as a frozen A leaves, to 3 %."""

GRID = (3e-4, 1e-3, 1.7e-3, 3e-3, 5.5e-3, 1e-2, 3e-2)
"""Closest where the best lie: on a grid of thirds half the rank has three times LoRA's rate, which alone moves calibration."""

TUNED: dict[str, tuple[float, ...]] = {
    "hl_full": (0.7809, 0.6415, 0.5792, 0.5274, 0.5191, 0.5578, 0.8945),  # 0.00055
    "hl_lora": (0.7557, 0.5998, 0.5384, 0.5081, 0.5140, 0.6343, 1.8179),  # 0.003
    "hl_lora_half": (0.8189, 0.6863, 0.6181, 0.5608, 0.5384, 0.5410, 1.5214),  # 0.0055
    "hl_frozen_a": (0.7816, 0.6470, 0.5873, 0.5503, 0.5554, 0.6382, 0.9443),  # 0.003
    "hl_frozen_b": (0.6690, 0.5855, 0.5960, 0.6787, 0.8474, 1.1663, 1.4990),  # 0.001
}
"""Mean loss of the last steps at each rate of the arm's grid, mean of methods.TUNING_SEEDS."""


def grid(arm: str) -> tuple[float, ...]:
    """The rates tried for an arm: of full fine-tuning a tenth of those of adapters."""
    return tuple(float(f"{rate / 10:.1e}") for rate in GRID) if arm == FULL else GRID


def rate(arm: str) -> float:
    """The tuned rate."""
    losses = TUNED[arm]
    return grid(arm)[losses.index(min(losses))]


def arm_at(sft: Recipe, arm: str, lr: float, steps: int = LONG) -> Recipe:
    """The recipe of one of VARIANTS at a rate, on the bench of `sft`."""
    return replace(
        sft, arm=arm, adapter=VARIANTS[arm], lr=lr, steps=steps, batch=32, snapshots=10, pool=POOL, noise=NOISE, cost_s=10
    )


def arms(sft: Recipe) -> tuple[Recipe, ...]:
    """Every arm that is tuned, and LoRA with the pool in another order."""
    found = [arm_at(sft, arm, rate(arm)) for arm in TUNED]
    twins = [replace(each, arm="hl_lora_twin", data_seed_offset=1) for each in found if each.arm == "hl_lora"]
    return (*found, *twins)
