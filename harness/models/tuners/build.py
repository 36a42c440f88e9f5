"""Put an adaptation on a model: with peft's config where the tuner is peft's, with a layer of ours where it is not."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from harness.errors import ModelError
from harness.models.tuners.adapted import Adapted
from torch import Tensor, nn

if TYPE_CHECKING:
    from harness.models.adapters import Adaptation, Value


class Calibration(NamedTuple):
    """Sequences that a tuner may look at before it is built: of training problems.

    Attributes:
        ids: (N, T) token ids.
        targets: (N, T) the ids that are learned, and -100 elsewhere.
    """

    ids: Tensor
    targets: Tensor


def adapt(model: nn.Module, how: "Adaptation", seed: int, calibration: Callable[[], Calibration] | None = None) -> Adapted:
    """Put adapters on a model in place; all that is not theirs is frozen.

    Args:
        model: a causal language model of transformers, in eval mode.
        how: the tuner, its rank and where it goes.
        seed: of the run; draws what is drawn at the start, unless the adaptation has a seed of its own.
        calibration: gives the sequences, where the tuner needs some.

    Raises:
        ModelError: no layer has a name that it targets, its rank is above a layer's smaller side, or it needs calibration
            and got none.
    """
    layers = targeted(model, how)
    row = how.row
    if row.needs and calibration is None:
        raise ModelError(f"{how.tuner} needs {row.needs} before it is built: give sequences to calibrate it on.")
    if row.rank and row.rank != "effective_rank":
        smallest = min(min(layer.weight.shape) for layer in layers.values())
        if how.rank > smallest:
            raise ModelError(f"A rank of {how.rank} is above the smaller side, {smallest}, of a layer: give at most {smallest}.")
    names = [name for name, _ in model.named_parameters()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed if how.seed is None else how.seed)
        wrapper = _peft(model, how)
    adapted = Adapted(model, how, names, wrapper)
    for name, p in adapted.trainable().items():
        p.requires_grad_(not any(part in name for part in row.frozen))
    return adapted


def targeted(model: nn.Module, how: "Adaptation") -> dict[str, nn.Linear]:
    """The linear layers that an adaptation goes on, by path.

    Raises:
        ModelError: there is none of some name.
    """
    found = {path: m for path, m in model.named_modules() if path.rpartition(".")[2] in how.targets and isinstance(m, nn.Linear)}
    ends = {path.rpartition(".")[2] for path in found}
    unknown = [end for end in how.targets if end not in ends]
    if unknown:
        there = sorted({path.rpartition(".")[2] for path, m in model.named_modules() if isinstance(m, nn.Linear)})
        raise ModelError(f"The model has no linear layer named {', '.join(unknown)}; it has {', '.join(there)}.")
    return found


def _peft(model: nn.Module, how: "Adaptation") -> nn.Module:
    import peft

    config = getattr(peft, how.row.config)(**arguments(how))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        return peft.get_peft_model(model, config)


def arguments(how: "Adaptation") -> dict[str, Any]:
    """The arguments of peft's config."""
    row = how.row
    found: dict[str, Any] = {"target_modules": list(how.targets)}
    if row.rank:
        found[row.rank] = how.rank
    if row.alpha:
        found[row.alpha] = how.alpha
    return found | {name: _value(value) for name, value in (dict(row.arguments) | dict(how.settings)).items()}


def _value(value: "Value") -> Any:
    """A pair of a class' name and its arguments is a config of peft's of that class."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], tuple):
        import peft

        return getattr(peft, value[0])(**dict(value[1]))
    return list(value) if isinstance(value, tuple) else value
