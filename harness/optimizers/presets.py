"""The papers' methods by name: a Subspace and the constants that go with it, as options of a parameter group.

    {"params": matrices, **preset("apollo", rank=256)}

Constants are those of the authors' code or scripts for pretraining on C4 where there are any, named beside each. Learning rates
are those for the matrices; what trains beside them wants a group of its own.
Trap: these rates belong to models of 60M parameters and more; GaLore's .01 with alpha .25 is a rate of .0025 in Adam's units.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from harness.errors import SpecError
from harness.optimizers.options import Subspace

_ADAM = dict(betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0)
_GALORE = Subspace(rank=128, projector="svd", refresh=200, scale=0.25)

PRESETS = MappingProxyType(
    {
        # 2403.03507, ICML'24; jiaweizzhao/GaLore 2cc66f8 scripts/benchmark_c4.
        "galore": dict(_ADAM, subspace=_GALORE, lr=0.01),
        # 2410.11289, ICML'25; pkumelon/Golore: SVD early, random later. When is the user's: `late_from`.
        "golore": dict(_ADAM, subspace=replace(_GALORE, late_projector="stiefel"), lr=0.01),
        # 2502.05790, NeurIPS'25; sampling as in the authors' I3S_projector.py, the rest GaLore's.
        "sara": dict(_ADAM, subspace=replace(_GALORE, projector="sara"), lr=0.01),
        # 2412.05270, MLSys'25; zhuhanqing/APOLLO 76b3472 scripts/pretrain_c4.
        "apollo": dict(_ADAM, subspace=Subspace(rank=256, projector="gaussian", update="channel", limiter=1.01), lr=0.01),
        "apollo-mini": dict(
            _ADAM, subspace=Subspace(rank=1, projector="gaussian", update="tensor", limiter=1.01, scale=128.0), lr=0.01
        ),
        # 2410.01623, NeurIPS'25; xichen-fy/Fira README, 60M.
        "fira": dict(_ADAM, subspace=replace(_GALORE, update="residual", limiter=1.01), lr=0.01),
        # 2402.03293, ICML'24; BorealisAI/flora-opt: kappa 1000; what steps is the projected momentum of the gradient after
        # Adafactor's division. Its code steps with the whole of the newest gradient, and by a length relative to the weight's.
        "flora": dict(
            betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, lr=1e-3,
            subspace=Subspace(rank=256, projector="gaussian", refresh=1000, moments="rotate", second="factored"),
        ),
        # 2410.16103, ICLR'25; IST-DASLab/LDAdam ldadamw.py, 350M script. Its code takes rows of square weights, this columns.
        "ldadam": dict(
            betas=(0.908, 0.99), eps=1e-8, weight_decay=0.0, lr=1e-3,
            subspace=Subspace(rank=16, projector="power", refresh=1, moments="rotate", adam="torch", mix=0.908, feedback=True),
        ),
        # 2407.08296; VITA-Group/Q-GaLore: P in 4 bits. Weights, moments and refreshes are GaLore's here.
        "q-galore": dict(_ADAM, subspace=replace(_GALORE, bits=4), lr=0.015),
        # 2505.11816, NeurIPS'25; no code known: rank, interval and rate are this module's choice. The input side is protected.
        "coso": dict(_ADAM, subspace=Subspace(rank=16, refresh=50, side="right", sketch=64), lr=1e-3),
        # 2307.05695; Guitaricet/relora: 5000 steps, 90 % pruned, 100 steps of warm-up. Between two restarts P X is LoRA
        # with one factor, P, held at its random start: ReLoRA trains both.
        "relora": dict(
            betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, lr=1e-3,
            subspace=Subspace(rank=128, projector="stiefel", refresh=5000, moments="reset", reset_share=0.9, restart_warmup=100,
                              adam="torch"),
        ),
    }
)  # fmt: skip


def preset(name: str, **changes: Any) -> dict[str, Any]:
    """Options of a parameter group for a paper's method.

    Args:
        name: one of PRESETS.
        changes: fields of the Subspace to set otherwise, e.g. rank=8, refresh=50.

    Raises:
        SpecError: the name is unknown, or a changed field is.
    """
    if name not in PRESETS:
        raise SpecError(f"there is no preset {name!r}: use one of {', '.join(PRESETS)}.")
    chosen = dict(PRESETS[name])
    try:
        chosen["subspace"] = replace(chosen["subspace"], **changes)
    except TypeError:
        odd = sorted(set(changes) - set(chosen["subspace"].plain()))
        raise SpecError(f"a subspace has no setting {', '.join(odd)}: lr, betas and eps are set beside it.") from None
    return chosen
