"""The config of peft that an adaptation stands for: what its row says, its settings, and what follows from rank and targets."""

import warnings
from math import ceil
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch import nn

if TYPE_CHECKING:
    from harness.models.adapters import Adaptation
    from harness.models.tuner_table import Value

READS_WHAT_IS_CUT = ("o_proj", "down_proj")
"""Layers whose inputs are the outputs of others: BD-LoRA cuts their A into blocks, and the B of all others."""

STARTS = ("init_lora_weights", "corda_config", "lora_ga_config")
"""Arguments that say where LoRA begins."""

INITIAL_RANK = 1.5
"""AdaLoRA's rank before it is cut, in ranks after: 12 to 8 as in peft."""


def config(how: "Adaptation", seed: int, *, plain: bool = False) -> Any:
    """peft's config.

    Args:
        how: the adaptation.
        seed: what the config draws by, where it has a seed of its own.
        plain: whether LoRA is begun as plain LoRA, whatever its row says: its start is loaded next.
    """
    import peft

    given = arguments(how, seed)
    if plain:
        given = {name: value for name, value in given.items() if name not in STARTS} | {"init_lora_weights": True}
    return getattr(peft, how.row.config)(**given)


def arguments(how: "Adaptation", seed: int) -> dict[str, Any]:
    """The arguments of peft's config."""
    row = how.row
    found: dict[str, Any] = {"target_modules": list(how.targets)}
    if row.rank:
        found[row.rank] = how.rank
    if row.alpha:
        found[row.alpha] = how.alpha
    if row.seeded:
        found[row.seeded] = seed
    found |= {name: value_of(value) for name, value in row.arguments}
    return found | _derived(how) | {name: value_of(value) for name, value in how.settings}


def value_of(value: "Value") -> Any:
    """A pair of a class' name and its arguments is a config of peft's of that class."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], tuple):
        import peft
        from peft.tuners.lora import config as of_lora  # CordaConfig is exported nowhere else

        kind = getattr(peft, value[0], None) or getattr(of_lora, value[0])
        return kind(**{name: value_of(inner) for name, inner in value[1]})
    return list(value) if isinstance(value, tuple) else value


def wrapped(model: nn.Module, given: Any) -> nn.Module:
    """peft's adapters on a model, in place."""
    import peft

    torch.sparse.check_sparse_tensor_invariants.disable()  # as it is; said aloud, or torch warns at ShiRA's first pass
    with warnings.catch_warnings(), mock.patch("peft.tuners.boft.layer.get_fbd_cuda", return_value=None):  # or it compiles
        for message in (".*is_gradient_checkpointing", ".*merging LoRA weights won't be possible", ".*low_cpu_mem_usage"):
            warnings.filterwarnings("ignore", message=message)
        return peft.get_peft_model(model, given)


def _derived(how: "Adaptation") -> dict[str, Any]:
    if how.tuner == "adalora":
        return {"init_r": ceil(INITIAL_RANK * how.rank)}
    if how.tuner == "ia3":
        return {"feedforward_modules": [end for end in how.targets if end == "down_proj"]}
    if how.tuner == "lora_parameters":
        return {"target_modules": [], "target_parameters": [f"{end}.weight" for end in how.targets]}
    if how.tuner == "bdlora":
        import peft

        a = [end for end in how.targets if end in READS_WHAT_IS_CUT]
        b = [end for end in how.targets if end not in a]
        blocks = dict(how.row.arguments)["use_bdlora"][1]
        return {"use_bdlora": peft.BdLoraConfig(target_modules_bd_a=a, target_modules_bd_b=b, **dict(blocks))}
    return {}
