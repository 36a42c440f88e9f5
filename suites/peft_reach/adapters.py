"""Adapters compared and combined: peft's own objects, on the bench's model.

    mean of updates    D = sum_i w_i c B_i A_i,   w_i = 1/3, three adapters of rank 4, alpha 8, entries N(0, .1^2)
    combined           what add_weighted_adapter makes of them, read as its own c B A

Source: the sheet peft_merge, 3.4.
Trap: `svd` keeps the largest rank of the three unless svd_rank is their sum.
"""

import warnings
from typing import TYPE_CHECKING, NamedTuple

from suites.peft_reach.bench import seed_of

if TYPE_CHECKING:
    from torch import Generator, Tensor

RANK, ALPHA, STD, ADAPTERS = 4, 8, 0.1, 3
FEW_STEPS = 5
KINDS = {"cat": {}, "linear": {}, "svd": {"svd_rank": ADAPTERS * RANK}, "ties": {"density": 0.5}}


class Weighted(NamedTuple):
    """A combined update beside the mean: cosine, and |difference| / |mean|, over all layers at once."""

    cosine: float
    error: float


def weighted(rng: "Generator", kind: str) -> Weighted:
    """Combine three drawn adapters by one of peft's ways, KINDS."""
    import torch
    from harness.models import power_law
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(power_law.LINEAR))
    names = [f"one{i}" for i in range(ADAPTERS)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        model = get_peft_model(power_law.build(seed_of(rng)), config, adapter_name=names[0])
    for name in names[1:]:
        model.add_adapter(name, config)
    layers = [layer for layer in model.modules() if hasattr(layer, "lora_A")]
    with torch.no_grad():
        for layer in layers:
            for name in names:
                for factor in (layer.lora_A[name].weight, layer.lora_B[name].weight):
                    factor.copy_(STD * torch.randn(factor.shape, generator=rng))
    model.add_weighted_adapter(names, [1 / ADAPTERS] * ADAPTERS, "all", combination_type=kind, **KINDS[kind])
    mean = _flat([sum(layer.get_delta_weight(name).double() for name in names) / ADAPTERS for layer in layers])
    made = _flat([layer.get_delta_weight("all").double() for layer in layers])
    return Weighted((made @ mean / (made.norm() * mean.norm())).item(), ((made - mean).norm() / mean.norm()).item())


def _flat(updates: "list[Tensor]") -> "Tensor":
    import torch

    return torch.cat([each.detach().flatten() for each in updates])


def merged(rng: "Generator", *tuners: str) -> "list[dict[str, Tensor]]":
    """The merged matrices of each tuner after a few AdamW steps on one draw of the bench."""
    from harness.engine.reach import measure

    seed = seed_of(rng)
    return [measure(tuner, seed, steps=FEW_STEPS).merged for tuner in tuners]


def shared_factors(rng: "Generator", alike: bool) -> bool:
    """Whether two models of different weights begin with the same lora_A.

    Args:
        rng: draws both models, and the seeds of their adapters.
        alike: whether the adapters have one seed.
    """
    import torch
    from harness.models import power_law
    from harness.models.adapters import Adaptation
    from harness.models.tuners import adapt

    drawn = [seed_of(rng) for _ in range(4)]
    bases, seeds = drawn[:2], drawn[2:] if not alike else drawn[2:3] * 2
    first, second = (adapt(power_law.build(b), Adaptation("lora"), s).trainable() for b, s in zip(bases, seeds, strict=True))
    return all(torch.equal(p, second[name]) for name, p in first.items() if "lora_A" in name)
