"""AdamW for the parameters without a subspace: biases, norms, convolutions, and groups that want none.

    w <- w - lr wd w - lr m^ / (sqrt(v^) + eps)

It is torch's own function, so its numbers are those of torch.optim.AdamW, bit for bit.
Source: Loshchilov & Hutter 1711.05101.
"""

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


def fresh(parameter: nn.Parameter, fused: bool | None) -> dict[str, Tensor]:
    """The state before the first step, as torch.optim.AdamW makes it."""
    return {
        "step": torch.zeros((), device=parameter.device if fused else "cpu"),
        "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
    }


def step(parameters: list[nn.Parameter], states: list[dict[str, Tensor]], group: dict) -> None:
    """One step of each parameter, which has a gradient and a state; in place."""
    adamw(
        parameters,
        [p.grad for p in parameters],
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [],
        [state["step"] for state in states],
        fused=group["fused"],
        amsgrad=False,
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        lr=group["lr"],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        maximize=False,
    )
