"""Adapters on the bench of SFT and RLVR, as data: which arms, on which grid of rates, and the rates that were best. No torch.

    {sft,rlvr}_<variant>          at the variant's tuned rate; all else is `sft`, `rlvr` of the seed: base, problems, steps
    {sft,rlvr}_<variant>_g<k>     at the k-th rate of its grid
    {sft,rlvr}_<variant>_equal    at LoRA's tuned rate, as papers compare them
    {sft,rlvr}_<variant>_matched  at the rate whose first update has the norm of LoRA's
    {sft,rlvr}_<variant>_twin     drawn from another seed

A rate is the one of the grid with the highest mean reward of the last steps (RLVR), or the least mean loss of them (SFT), mean of
the tuning seeds: of training problems, before each step's update (`python -m harness.training.tune sft_lora`, which
prints TUNED). Grids have one size; that of full fine-tuning is a tenth of the adapters', as LoRA's rate is said to be ten
times as large.

Source: sheet peft_merge 2.1 (grid); rlvr 3.7, 3.10, H13, H32.
"""

from dataclasses import replace

from harness.models.adapters import Adaptation
from harness.training.recipe import Recipe

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
LOWER = (3e-5, *GRID[:-1])
"""The grid half a decade lower, of LoRA+, whose rate is that of A: B's is 16 times as large."""

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
    "lora_top": dict(tuner="lora_top"),
    "lora_bottom": dict(tuner="lora_bottom"),
    "lora_attention": dict(tuner="lora", rank=12, alpha=24.0, targets=("q_proj", "k_proj", "v_proj", "o_proj")),
    "lora_mlp": dict(tuner="lora", targets=("gate_proj", "up_proj", "down_proj")),
}
"""Adaptations: rank 8 and alpha 16 where nothing is said; other ranks at the same alpha / r. At rank 12 LoRA on the attention of the
tiny model trains as many numbers as on its MLP at rank 8: 5376 a layer."""

SFT = ("lora", "lora_r1", "rslora", "dora", "lora_orthogonal", "loraplus", "pissa", "milora", FULL)
RLVR = ("lora", "lora_r1", "pissa", "milora", "lora_top", "lora_bottom", "lora_attention", "lora_mlp", FULL)
CONTRASTED = ("pissa", "milora", "lora_top", "lora_bottom")
"""Set beside LoRA at its rate, and at its step."""

TWINS = ("lora", "lora_r1")
TWIN_SEED = 1_000_003

TUNED: dict[str, tuple[float, ...]] = {
    "rlvr_full": (0.3303, 0.3793, 0.4327, 0.3921, 0.0112, 0.0001),  # 0.0001
    "rlvr_lora": (0.3586, 0.4034, 0.4508, 0.3945, 0.0000, 0.0000),  # 0.001
    "rlvr_lora_attention": (0.3457, 0.3775, 0.3849, 0.3505, 0.0000, 0.0000),  # 0.001
    "rlvr_lora_bottom": (0.3486, 0.3977, 0.4405, 0.3861, 0.0000, 0.0000),  # 0.001
    "rlvr_lora_mlp": (0.3275, 0.3783, 0.4315, 0.4581, 0.0941, 0.0000),  # 0.003
    "rlvr_lora_r1": (0.2844, 0.3428, 0.3958, 0.4396, 0.3465, 0.0016),  # 0.003
    "rlvr_lora_top": (0.4026, 0.4372, 0.4017, 0.0083, 0.0004, 0.0000),  # 0.0003
    "rlvr_milora": (0.3340, 0.3897, 0.4432, 0.3852, 0.0001, 0.0003),  # 0.001
    "rlvr_pissa": (0.4013, 0.4306, 0.0974, 0.0094, 0.0000, 0.0000),  # 0.0003
    "sft_dora": (0.4155, 0.3590, 0.3095, 0.3391, 0.6942, 1.3739),  # 0.001
    "sft_full": (0.4447, 0.3918, 0.3300, 0.3304, 0.5328, 1.0300),  # 0.0001
    "sft_lora": (0.4200, 0.3626, 0.3090, 0.3248, 0.6206, 2.0609),  # 0.001
    "sft_lora_orthogonal": (0.4078, 0.3561, 0.3317, 0.3937, 0.7770, 1.7268),  # 0.001
    "sft_lora_r1": (0.4962, 0.4438, 0.3894, 0.3453, 0.3858, 0.6306),  # 0.003
    "sft_loraplus": (0.3632, 0.3234, 0.3541, 0.4795, 1.3377, 1.9427),  # 0.0001
    "sft_milora": (0.4492, 0.3849, 0.3175, 0.3327, 0.6227, 1.9144),  # 0.001
    "sft_pissa": (0.3668, 0.3330, 0.4025, 0.6807, 1.2316, 1.7704),  # 0.0003
    "sft_rslora": (0.3773, 0.3255, 0.2983, 0.4160, 1.6975, 1.9530),  # 0.001
}
"""Loss (SFT) or reward (RLVR) at each rate of the grid, mean of the tuning seeds; inf or -inf where a run diverged."""


def grid(arm: str) -> tuple[float, ...]:
    """The rates tried for an arm, rising."""
    if arm.endswith(FULL):
        return tuple(float(f"{rate / 10:.0e}") for rate in GRID)
    return LOWER if arm.endswith("loraplus") else GRID


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
    for kind, of in (("sft", sft), ("rlvr", rlvr)):
        found += _beside_lora(kind, of) if f"{kind}_lora" in TUNED else []
    return tuple(found)


def _beside_lora(kind: str, of: Recipe) -> list[Recipe]:
    lora, found = f"{kind}_lora", []
    for variant in CONTRASTED:
        equal = adapted_arm(of, f"{kind}_{variant}", rate(lora))
        step = replace(equal.adapter, matches=lora)
        found += [replace(equal, arm=f"{equal.arm}_equal"), replace(equal, arm=f"{equal.arm}_matched", adapter=step)]
    for variant in TWINS:
        name = f"{kind}_{variant}"
        if name in TUNED:
            twin = adapted_arm(of, name, rate(name))
            found.append(replace(twin, arm=f"{name}_twin", adapter=replace(twin.adapter, seed=TWIN_SEED)))
    return found
