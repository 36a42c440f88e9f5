"""What tuners add to the loss, left by peft to whoever trains: AdaLoRA's, KaSA's and MonteCLoRA's terms, weighed as in peft.

    orthogonality   .5 mean over A, B of |A A^T - I|_F, |B^T B - I|_F                      AdaLoRA
    kasa            beta sum diag^2 + gamma (|B^T B - I|_F + |A A^T - I|_F), all layers    KaSA 2412.06071
    monteclora      1e-5 KL + sum w^2 of the mixture's weights, mean over layers           MonteCLoRA

Trap: with a penalty the loss of two tuners cannot be compared.
Trap: MonteCLoRA's term is of the last pass with gradients; before one there is none.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from harness.models.tuners.kept import ADAPTER
from torch import Tensor, nn


def of(wrapper: nn.Module | None, penalty: str | None) -> Tensor | None:
    """The term of a wrapped model; None where there is none."""
    if penalty is None:
        return None
    found = TERMS[penalty](wrapper)
    return found if isinstance(found, Tensor) else None


def _orthogonality(wrapper: nn.Module) -> Tensor:
    terms = []
    for name, p in wrapper.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            gram = p @ p.T if "lora_A" in name else p.T @ p
            terms.append((gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).norm())
    return wrapper.peft_config[ADAPTER].orth_reg_weight * torch.stack(terms).mean()


TERMS: Mapping[str, Callable[[nn.Module], Tensor | float]] = MappingProxyType({
    "orthogonality": _orthogonality,
    "kasa": lambda wrapper: wrapper.base_model._get_kasa_loss(),
    "monteclora": lambda wrapper: wrapper.base_model._get_monteclora_loss(),
})  # fmt: skip
