"""A model whose low-rank components are pairs of factors, and the question which parameters train.

    y = up (down x) + bias,    up (m, r) = U_r sqrt S_r,   down (r, n) = sqrt S_r V_r^T

Only the factors of low-rank components train; the other projections, embeddings, head and biases are frozen.
Source: WeLore 2407.11239; VITA-Group/WeLore, lib/LowRankLayer.py and rank_reduction.py.
Trap: "only LRCs are fine-tuned" is not what that code does: it freezes the other projections, embeddings and head, and leaves
the norms' weights to train. `norms=True` does likewise.
Trap: the reference's full fine-tuning moves 7B weights, this far fewer at another best learning rate: tune both, and compare
with a random choice of components (`random_allocation`) before crediting the choice.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.compression.allocation import Allocation
from harness.compression.split import MIN_RATIO, split
from harness.compression.truncation import factorize
from harness.errors import MeasureError


class LowRankLinear(nn.Module):
    """A linear layer as two factors.

    Args:
        layer: whose weight (m, n), bias, dtype and device to take.
        r: in 1..min(m, n).
        name: for the error's sentence.
    """

    def __init__(self, layer: nn.Linear, r: int, name: str = "the layer") -> None:
        super().__init__()
        factors = factorize(layer.weight, r, name)
        self.up = nn.Parameter(factors.up.to(layer.weight))
        self.down = nn.Parameter(factors.down.to(layer.weight))
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """(..., n) to (..., m)."""
        return functional.linear(functional.linear(x, self.down), self.up, self.bias)

    @torch.no_grad()
    def weight(self) -> Tensor:
        """The matrix that the factors stand for, (m, n) fp64."""
        return self.up.double() @ self.down.double()

    def extra_repr(self) -> str:
        """As nn.Linear's, with the rank."""
        return f"{self.down.shape[1]}, {self.up.shape[0]}, rank={self.down.shape[0]}"


class Trainable(NamedTuple):
    """What trains.

    Attributes:
        names: parameters that require a gradient, by their names in the model.
        entries: of those.
        frozen: entries of all others.
        lrc, n_lrc: layers of either kind.
    """

    names: tuple[str, ...]
    entries: int
    frozen: int
    lrc: tuple[str, ...]
    n_lrc: tuple[str, ...]


def compress_model(model: nn.Module, allocation: Allocation, min_ratio: float = MIN_RATIO, norms: bool = False) -> Trainable:
    """Replace the low-rank components by factors, in place, and freeze all else.

    Args:
        model: changed in place; nothing is changed if an error is raised.
        allocation: ranks by the linear layers' module names; a ".weight" at the end is dropped.
        min_ratio: reduction above which a layer is a low-rank component.
        norms: let 1-D weights of normalisation layers train too, as the reference does.

    Raises:
        MeasureError: a name is no linear layer of that shape, a layer's weight is shared with another, or no layer is low-rank.
    """
    kinds = split(allocation, min_ratio)
    if not kinds.lrc:
        raise MeasureError(f"no layer is reduced by more than {min_ratio:g}: nothing would train; ask for a larger reduction.")
    modules = dict(model.named_modules())
    owners = _owners(model)
    replaced = {}
    for name in kinds.applied.kept:
        path = name.removesuffix(".weight")
        layer = modules.get(path)
        if not isinstance(layer, nn.Linear) or tuple(layer.weight.shape) != tuple(allocation.shapes[name]):
            raise MeasureError(f"{path} is no linear layer of shape {tuple(allocation.shapes[name])} in this model.")
        if name in kinds.lrc:
            if owners[id(layer.weight)] > 1:
                raise MeasureError(f"the weight of {path} is shared with another layer: factors would part them; leave it out.")
            replaced[path] = LowRankLinear(layer, kinds.applied.kept[name], name)
    for path, layer in replaced.items():
        parent, _, leaf = path.rpartition(".")
        setattr(modules[parent], leaf, layer)
    return train_low_rank_only(model, norms)._replace(n_lrc=tuple(name.removesuffix(".weight") for name in kinds.n_lrc))


def train_low_rank_only(model: nn.Module, norms: bool = False) -> Trainable:
    """Let the factors alone require gradients.

    Args:
        model: with at least one LowRankLinear.
        norms: as in `compress_model`.

    Raises:
        MeasureError: the model has no low-rank layer.
    """
    low = {name: module for name, module in model.named_modules() if isinstance(module, LowRankLinear)}
    if not low:
        raise MeasureError("the model has no low-rank layer: compress it first.")
    factors = {id(p) for module in low.values() for p in (module.up, module.down)}
    if norms:
        factors |= {id(p) for m in model.modules() if "norm" in type(m).__name__.lower() for p in m.parameters(recurse=False)}
    for p in model.parameters():
        p.requires_grad_(id(p) in factors)
    named = dict(model.named_parameters())
    train = tuple(name for name, p in named.items() if p.requires_grad)
    entries = sum(named[name].numel() for name in train)
    return Trainable(train, entries, sum(p.numel() for p in named.values()) - entries, tuple(low), ())


def _owners(model: nn.Module) -> dict[int, int]:
    """How many modules hold each parameter."""
    count: dict[int, int] = {}
    for module in model.modules():
        for p in module.parameters(recurse=False):
            count[id(p)] = count.get(id(p), 0) + 1
    return count
