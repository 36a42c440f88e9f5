"""peft's optimizers of factors: LoRA+, LoRA-FA and the Riemannian preconditioner, on what an adaptation put on a model.

    loraplus     AdamW; the rate of B is 16 times that of A
    lorafa       A stays; g_B (A A^T)^-1 / scaling^2, then AdamW
    riemannian   g_A <- (B^T B + reg I)^-1 g_A,  g_B <- g_B (A A^T + reg I)^-1, then AdamW; reg .01

Source: LoRA+ 2402.12354, LoRA-FA 2308.03303, Riemannian preconditioned LoRA 2402.02347; peft 0.21.2.
Trap: LoRA-FA preconditions under bf16 autocast, three digits; the clean control of a frozen A is the tuner lora_frozen_a.
Trap: LoRA-FA takes any two neighbours named lora for a pair, so that DoRA's magnitudes would be taken for a factor.
"""

from typing import TYPE_CHECKING

import torch
from harness.errors import ModelError

if TYPE_CHECKING:
    from harness.models.tuners.adapted import Adapted

RATIO = 16.0
"""Rate of B over rate of A in LoRA+."""


def build(
    adapted: "Adapted", lr: float, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0,
    ratio: float = RATIO,
) -> torch.optim.Optimizer:  # fmt: skip
    """The optimizer that the adaptation names, of the adapter's trainable parameters.

    Args:
        adapted: LoRA of peft's on a model; LoRA-FA freezes its A.
        lr: rate; in LoRA+ that of A.
        betas, eps, weight_decay: AdamW's.
        ratio: of LoRA+.

    Raises:
        ModelError: the adaptation names no optimizer, or its tuner has not just two factors where two are needed.
    """
    from peft.optimizers import create_lorafa_optimizer, create_loraplus_optimizer, create_riemannian_optimizer

    name, wrapper, how = adapted.how.optimizer, adapted.wrapper, adapted.how
    adam = {"lr": lr, "betas": betas, "eps": eps}
    if name == "loraplus":
        return create_loraplus_optimizer(
            wrapper, torch.optim.AdamW, loraplus_lr_ratio=ratio, loraplus_weight_decay=weight_decay, **adam
        )
    if name not in ("lorafa", "riemannian"):
        raise ModelError("The adaptation names no optimizer of its own: the recipe's steps it.")
    trained = adapted.trainable()
    if name == "riemannian":
        if not all(any(factor in n for n in trained) for factor in (".lora_A.", ".lora_B.")):
            raise ModelError(f"The Riemannian preconditioner needs A and B both trained; {how.tuner} freezes one.")
        return create_riemannian_optimizer(wrapper, torch.optim.AdamW, weight_decay=weight_decay, **adam)
    others = [n for n in trained if ".lora_A." not in n and ".lora_B." not in n]
    if others or not any(".lora_B." in n for n in trained):
        what = others[0] if others else "no B"
        raise ModelError(f"LoRA-FA steps B against a frozen A and nothing else; {how.tuner} trains {what}.")
    made = create_lorafa_optimizer(wrapper, r=how.rank, lora_alpha=how.alpha, lr=lr, weight_decay=weight_decay)
    for group in made.param_groups:
        group |= {"betas": betas, "eps": eps}
    return made
