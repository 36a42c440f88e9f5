"""Base rules of an optimizer on a manifold: how far a gradient would move a frame in flat space.

    sgd     m <- mu m + g,           D = -lr m
    adamw   AdamW without decay,     D = -lr m^ / (sqrt(v^) + eps)
    muon    m <- mu m + (1 - mu) g,  D = -lr sqrt(max(1, rows / columns)) msign(mu m + (1 - mu) g)

They are torch's own functions, which step a tensor of zeros: so D has its own precision, and not that of a frame that it would
be subtracted from (at a rate of 1e-6 an fp32 frame holds D to .1, D itself to 1e-7).
Source: Kingma & Ba 1412.6980; Loshchilov & Hutter 1711.05101; Muon: K. Jordan's post of 2024, as in torch.optim.
Trap: torch's msign is a quintic in bf16 whose singular values lie in .7 - 1.2, in fp64 too. A vector counts as a diagonal
matrix, whose msign is the diagonal of signs: there D = -lr sign(.).
"""

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

BASES = ("sgd", "adamw", "muon")
_MUON = dict(weight_decay=0.0, nesterov=True, ns_coefficients=(3.4445, -4.775, 2.0315), ns_steps=5, eps=1e-7,
             adjust_lr_fn="original", has_complex=False)  # fmt: skip


def moments_of(base: str, momentum: float) -> tuple[str, ...]:
    """Names of what a rule remembers, each of the gradient's shape; the first is the one that points somewhere."""
    if base == "adamw":
        return ("exp_avg", "exp_avg_sq")
    return ("momentum_buffer",) if momentum or base == "muon" else ()


def displacement(base: str, gradient: Tensor, moments: list[Tensor], step: int, group: dict, momentum: float) -> Tensor:
    """D, of the gradient's shape; the moments move in place.

    Args:
        base: one of BASES.
        gradient: a matrix, or the vector of a spectrum.
        moments: as `moments_of` names them.
        step: 1, 2, ...
        group: lr; betas, eps and fused for adamw.
        momentum: mu of sgd and muon.
    """
    moved, lr = torch.zeros_like(gradient), group["lr"]
    if base == "adamw":
        made = torch.full((), step - 1.0, device=gradient.device if group["fused"] else "cpu")
        b1, b2 = group["betas"]
        adamw([moved], [gradient], [moments[0]], [moments[1]], [], [made], fused=group["fused"], amsgrad=False, beta1=b1,
              beta2=b2, lr=lr, weight_decay=0.0, eps=group["eps"], maximize=False)  # fmt: skip
    elif base == "sgd":
        sgd([moved], [gradient], [moments[0] if moments else None], weight_decay=0.0, momentum=momentum, lr=lr, dampening=0.0,
            nesterov=False, maximize=False)  # fmt: skip
    elif gradient.ndim == 2:
        from torch.optim._muon import muon  # torch 2.9 and later

        muon([moved], [gradient], moments, lr=lr, momentum=momentum, **_MUON)
    else:
        moments[0].lerp_(gradient, 1.0 - momentum)
        moved.sub_(lr * gradient.lerp(moments[0], momentum).sign())
    return moved
