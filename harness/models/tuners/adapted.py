"""A model with adapters on it: what trains, what else belongs to the adapter, and the matrices that it computes.

    W1 = layer(I)^T - layer(0)     of every linear layer with an adapter: what it computes, whoever wrote it

So a merge is not taken on trust: it is read off the function, and the merge of peft can be compared with it. Parameters are
named as in the bare model; an adapter's own as they are in the wrapped one.

Trap: the products with the identity are exact, but an update far below the weight's rounding is lost in the sum with it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from harness.errors import ModelError
from harness.models.tuners import kept, penalties
from torch import Tensor, nn

if TYPE_CHECKING:
    from harness.models.adapters import Adaptation

BASE = ".base_layer"


class Adapted:
    """A model with adapters in the place of some of its layers.

    Args:
        model: the model itself, changed in place.
        how: what was put on it.
        names: its parameters before, by name.
        wrapper: peft's, where peft built it.

    Attributes:
        model, how: as given.
        wrapper: peft's PeftModel, or None.
    """

    def __init__(self, model: nn.Module, how: "Adaptation", names: list[str], wrapper: nn.Module | None = None) -> None:
        self.model, self.how, self.wrapper = model, how, wrapper
        self._names = names
        self._starts: dict[str, Tensor] = {}
        self._buffers = {name for name, _ in model.named_buffers() if not self._inside(name)}

    def trainable(self) -> dict[str, nn.Parameter]:
        """What the optimizer steps, by name."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    def fixed(self) -> dict[str, Tensor]:
        """What belongs to the adapter and does not train: frozen factors, masks, random bases."""
        trained = self.trainable()
        own = {name: p for name, p in self.model.named_parameters() if name not in trained and not self._of_base(name)}
        buffers = {name: b for name, b in self.model.named_buffers() if name not in self._buffers}
        every = own | buffers | kept.loose(self.layers()) | self._starts
        derived = self.how.row.derived
        return {name: t.detach() for name, t in every.items() if t.numel() and not any(part in name for part in derived)}

    def keep_start(self) -> None:
        """Remember the factors that the base has lost: they stand in fixed()."""
        self._starts = kept.starts(self.layers())

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy an adapter's tensors back, trained or fixed; a kept start is taken from the base.

        Raises:
            ModelError: it has none of that name and shape.
        """
        own = dict(self.model.named_parameters()) | dict(self.model.named_buffers()) | kept.loose(self.layers())
        for name, tensor in tensors.items():
            if kept.START in name:
                continue
            if name in own and self.how.row.needs == "activations" and own[name].ndim == tensor.ndim:
                own[name].data = torch.empty_like(tensor, device=own[name].device)  # EVA gives every layer a rank of its own
            if name not in own or own[name].shape != tensor.shape:
                shape = tuple(tensor.shape)
                raise ModelError(f"This {self.how.tuner} has no tensor {name} of shape {shape}: it is of another adapter.")
            own[name].copy_(tensor)
        self._load_starts({name: tensor for name, tensor in tensors.items() if kept.START in name})

    @torch.no_grad()
    def weights(self, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, Tensor]:
        """Every parameter of the bare model by its name there; of an adapted layer the matrix that it computes, (out, in).

        Args:
            wanted: names that are asked for.

        Raises:
            ModelError: the tuner's update is no matrix.
        """
        if not self.how.row.merges:
            raise ModelError(f"The update of {self.how.tuner} is no matrix: {self.how.row.why}.")
        now = {name.replace(BASE, ""): p.detach() for name, p in self.model.named_parameters()}
        found = {}
        for name in filter(wanted, self._names):
            path, _, leaf = name.rpartition(".")
            module = self.model.get_submodule(path)
            found[name] = computed(module) if leaf == "weight" and hasattr(module, "base_layer") and _linear(module) else now[name]
        return found

    @torch.no_grad()
    def matrices(self) -> list[Tensor]:
        """The matrices of adapted layers alone, in the order of their names."""
        return [computed(module) for _, module in self.layers()]

    def not_finite(self) -> str | None:
        """Path of the first adapted layer whose matrix holds an entry that is not finite."""
        paths = (path for path, _ in self.layers())
        return next((path for path, matrix in zip(paths, self.matrices(), strict=True) if not matrix.isfinite().all()), None)

    def layers(self) -> list[tuple[str, nn.Module]]:
        """Adapted linear layers by path."""
        paths = (name.removesuffix(".weight") for name in self._names if name.endswith(".weight"))
        return [(p, m) for p in paths if hasattr(m := self.model.get_submodule(p), "base_layer") and _linear(m)]

    def penalty(self) -> Tensor | None:
        """What the tuner adds to the loss; None where it adds nothing."""
        return penalties.of(self.wrapper, self.how.row.penalty)

    def penalised(self, loss: Tensor) -> Tensor:
        """The loss with what the tuner adds to it."""
        added = self.penalty()
        return loss if added is None else loss + added

    def after_step(self, step: int) -> None:
        """What the tuner does between an optimizer's step and the next, while gradients are still there: AdaLoRA cuts ranks.

        Args:
            step: that was made, from 1.
        """
        if self.how.tuner == "adalora":
            self.wrapper.base_model.update_and_allocate(step)

    def _load_starts(self, starts: Mapping[str, Tensor]) -> None:
        for path, layer in self.layers():
            names = [f"{path}{kept.START}{factor}" for factor in "AB"]
            if names[0] in starts:
                new = tuple(starts[name].to(layer.base_layer.weight) for name in names)
                old = tuple(self._starts[name] for name in names) if names[0] in self._starts else None
                kept.change_start(layer, old, new)
                self._starts |= dict(zip(names, new, strict=True))

    def _of_base(self, name: str) -> bool:
        return name.replace(BASE, "") in self._names

    def _inside(self, buffer: str) -> bool:
        """Whether a buffer belongs to an adapted layer or to the adapter's own store."""
        path = buffer.rpartition(".")[0]
        parts = path.split(".")
        return any(hasattr(self.model.get_submodule(".".join(parts[:i])), "base_layer") for i in range(1, len(parts) + 1))


def computed(layer: nn.Module) -> Tensor:
    """(out, in): the matrix of a linear layer, with whatever is on it."""
    base = _innermost(layer)
    rows = torch.eye(base.in_features, dtype=base.weight.dtype, device=base.weight.device)
    whole = layer(rows).T
    return (whole - layer(torch.zeros_like(rows[:1])).T if base.bias is not None else whole).contiguous()


def _innermost(layer: nn.Module) -> nn.Module:
    while hasattr(layer, "base_layer"):
        layer = layer.base_layer
    return layer


def _linear(layer: nn.Module) -> bool:
    return isinstance(_innermost(layer), nn.Linear)
