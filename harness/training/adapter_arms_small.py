"""Adapters on SmolLM2, as data: five of them under SFT and RLVR, with first steps as long as LoRA's. No torch.

    {sft,rlvr}_lora               at a rate of the grid below
    {sft,rlvr}_lora_twin          drawn from another seed
    {sft,rlvr}_<variant>_matched  at the rate whose first update has the norm of LoRA's
    rlvr_pissa_equal              at LoRA's rate, as papers compare them

LoRA's rate is the one of three with the highest mean reward of the last steps (RLVR), or the least mean loss of them (SFT), seed 100;
the other rates follow from it.

Source: PeRL 2512.23165, sheet rlvr 3.7; H13.
"""

from dataclasses import replace

from harness.models.adapters import Adaptation
from harness.training.recipe import Recipe

TUNED: dict[str, tuple[float, ...]] = {
    "rlvr": (0.715, 0.996, 0.952),  # 1e-4
    "sft": (0.149, 0.0042, 0.0226),  # 1e-4
}
"""Mean reward (RLVR) or loss (SFT) of the last ten of 30 steps at each rate of GRID, seed 100."""

GRID = (1e-5, 1e-4, 1e-3)
RATE = 1e-4
VARIANTS: dict[str, Adaptation] = {name: Adaptation(name) for name in ("pissa", "milora", "oft", "lora_xs")}
TWIN_SEED = 1_000_003


def arms(sft: Recipe, rlvr: Recipe) -> tuple[Recipe, ...]:
    """Every adapted arm of the small scale, from its arms without an adapter."""
    found = []
    for of in (sft, rlvr):
        lora = replace(of, arm=f"{of.arm}_lora", adapter=Adaptation("lora"), lr=RATE, snapshots=3)
        found += [lora, replace(lora, arm=f"{lora.arm}_twin", adapter=Adaptation("lora", seed=TWIN_SEED))]
        found += [
            replace(lora, arm=f"{of.arm}_{name}_matched", adapter=replace(how, matches=lora.arm))
            for name, how in VARIANTS.items()
        ]
        if of is rlvr:
            found.append(replace(lora, arm="rlvr_pissa_equal", adapter=VARIANTS["pissa"]))
    return tuple(found)
