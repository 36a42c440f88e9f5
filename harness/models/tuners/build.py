"""Put an adaptation on a model: with peft's config where the tuner is peft's, with a layer of ours where it is not."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from harness.errors import ModelError
from harness.models.quantised import refuse_layers
from harness.models.tuners import calibrate, noise, own
from harness.models.tuners.adapted import Adapted
from harness.models.tuners.arguments import config, wrapped
from torch import Tensor, nn

if TYPE_CHECKING:
    from harness.models.adapters import Adaptation


class Calibration(NamedTuple):
    """Sequences that a tuner may look at before it is built: of training problems.

    Attributes:
        ids: (N, T) token ids.
        targets: (N, T - 1) or (N, T) what comes next at every position where it is learned, and -100 elsewhere.
    """

    ids: Tensor
    targets: Tensor


def adapt(
    model: nn.Module, how: "Adaptation", seed: int, calibration: Callable[[], Calibration] | None = None, *,
    rebuild: bool = False,
) -> Adapted:  # fmt: skip
    """Put adapters on a model in place; all that is not theirs is frozen.

    Args:
        model: a causal language model of transformers, in eval mode.
        how: the tuner, its rank and where it goes.
        seed: of the run; draws what is drawn at the start, unless the adaptation has a seed of its own.
        calibration: gives the sequences, where the tuner needs some.
        rebuild: whether trained and fixed tensors are to be loaded next, so that nothing needs to be calibrated.

    Raises:
        ModelError: no layer has a name that it targets, one is quantised, its rank is above a layer's smaller side, or it
            needs calibration and got none.
    """
    layers, row = targeted(model, how), how.row
    refuse_layers(layers)
    if row.needs and calibration is None and not rebuild:
        raise ModelError(f"{how.tuner} needs {row.needs} before it is built: give sequences to calibrate it on.")
    if row.rank and row.bounded:
        smallest = min(min(layer.weight.shape) for layer in layers.values())
        if how.rank > smallest:
            raise ModelError(f"A rank of {how.rank} is above the smaller side, {smallest}, of a layer: give at most {smallest}.")
    names = [name for name, _ in model.named_parameters()]
    drawn = (seed if how.seed is None else how.seed) if row.draws else 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn)
        if not row.config:
            wrapper = own.build(model, layers, how, _wrapped)
        elif row.needs and not rebuild:
            wrapper = calibrate.build(model, how, calibration(), lambda: config(how, drawn))
        else:
            wrapper = wrapped(model, config(how, drawn, plain=rebuild and row.keeps_start))
    model.eval()  # what peft puts in begins in training mode
    adapted = Adapted(model, how, names, wrapper)
    for name, p in adapted.trainable().items():
        p.requires_grad_(not any(part in name for part in row.frozen))
        if any(part in name for part in row.zeroed):
            nn.init.zeros_(p)
    if row.keeps_start and not rebuild:
        adapted.keep_start()
    if row.noisy:
        noise.confine(adapted.layers(), drawn)
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
        near = [close[0] for end in unknown if (close := get_close_matches(end, there, n=1))]
        meant = f" Did you mean {', '.join(dict.fromkeys(near))}?" if near else ""
        raise ModelError(f"The model has no linear layer named {', '.join(unknown)}; it has {', '.join(there)}.{meant}")
    return found


def _wrapped(model: nn.Module, kind: str, **given: Any) -> nn.Module:
    import peft

    return wrapped(model, getattr(peft, kind)(**given))
