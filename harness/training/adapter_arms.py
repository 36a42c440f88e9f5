"""Adapters on the bench of SFT and RLVR, as data: which arms, on which grid of rates, and the rates that were best. No torch.

    {sft,rlvr}_<variant>          at the variant's tuned rate; all else is `sft`, `rlvr` of the seed: base, problems, steps
    {sft,rlvr}_<variant>_g<k>     at the k-th rate of its grid
    rlvr_<variant>_equal          at LoRA's tuned rate, as papers compare them
    rlvr_<variant>_matched        at the rate whose first update has the norm of rlvr_lora's

A rate is the one of the grid with the highest mean reward of the last steps (RLVR), or the least mean loss of them (SFT), mean of
the tuning seeds: of training problems, before each step's update (`python -m harness.training.tune sft_lora`, which
prints TUNED). Grids have one size; that of full fine-tuning is a tenth of the adapters', as LoRA's rate is said to be ten
times as large.

Source: sheet peft_merge 2.1 (grid, LoRA+ at 8 times the rate of A); rlvr 3.7, 3.10, H13, H32.
"""

from dataclasses import replace

from harness.models.adapters import Adaptation
from harness.training.recipe import Recipe

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
FULL = "full"

VARIANTS: dict[str, dict[str, object]] = {
    "lora": dict(tuner="lora"),
    "lora_r1": dict(tuner="lora", rank=1, alpha=2.0),
    "rslora": dict(tuner="rslora"),
    "dora": dict(tuner="dora"),
    "lora_orthogonal": dict(tuner="lora_orthogonal"),
    "loraplus": dict(tuner="lora", optimizer="loraplus"),
    "pissa": dict(tuner="pissa"),
    "milora": dict(tuner="milora"),
    "mica": dict(tuner="mica"),
    "lora_top": dict(tuner="lora_top"),
    "lora_bottom": dict(tuner="lora_bottom"),
}
"""Adaptations: rank 8 and alpha 16 where nothing is said; rank 1 at the same alpha / r."""

SFT = ("lora", "lora_r1", "rslora", "dora", "lora_orthogonal", "loraplus", "pissa", "milora", "mica", FULL)
RLVR = ("lora", "lora_r1", "pissa", "milora", "lora_top", "lora_bottom", FULL)
CONTRASTED = ("pissa", "milora", "lora_top", "lora_bottom")
"""Set beside LoRA at its rate, and at its step."""

TUNED: dict[str, tuple[float, ...]] = {}
"""Loss (SFT) or reward (RLVR) at each rate of the grid, mean of the tuning seeds; inf or -inf where a run diverged."""


def grid(arm: str) -> tuple[float, ...]:
    """The rates tried for an arm, rising."""
    return tuple(float(f"{rate / 10:.0e}") for rate in GRID) if arm.endswith(FULL) else GRID


def tuned_arms() -> tuple[str, ...]:
    """Arms that have a rate to choose."""
    return tuple(f"sft_{each}" for each in SFT) + tuple(f"rlvr_{each}" for each in RLVR)


def rate(arm: str) -> float:
    """The tuned rate."""
    values = TUNED[arm]
    return grid(arm)[values.index((max if arm.startswith("rlvr") else min)(values))]


def adapted_arm(of: Recipe, arm: str, lr: float) -> Recipe:
    """The recipe of a variant at a rate.

    Args:
        of: sft or rlvr.
        arm: one of `tuned_arms`, of that.
        lr: the rate.
    """
    kind, _, variant = arm.partition("_")
    adapter = None if variant == FULL else Adaptation(**VARIANTS[variant])
    return replace(of, arm=arm, adapter=adapter, lr=lr, snapshots=4, cost_s=of.cost_s + 3)


def arms(sft: Recipe, rlvr: Recipe) -> tuple[Recipe, ...]:
    """Every arm of the bench that is tuned: see the top of the file."""
    found = []
    for name in TUNED:
        of = sft if name.startswith("sft") else rlvr
        found.append(adapted_arm(of, name, rate(name)))
        found += [replace(adapted_arm(of, name, lr), arm=f"{name}_g{k}") for k, lr in enumerate(grid(name))]
    for variant in CONTRASTED if "rlvr_lora" in TUNED else ():
        equal = adapted_arm(rlvr, f"rlvr_{variant}", rate("rlvr_lora"))
        step = replace(equal.adapter, matches="rlvr_lora")
        found += [replace(equal, arm=f"{equal.arm}_equal"), replace(equal, arm=f"{equal.arm}_matched", adapter=step)]
    return tuple(found)
