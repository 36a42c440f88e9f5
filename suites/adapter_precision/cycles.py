"""Matrices with a LoRA adapter of peft's on each, merged and unmerged again and again in a storage format.

    a_t = fl(b_(t-1) + d_t),   b_t = fl(a_t - fl(d_t)),   b_0 = W0,   d_t = c_t B A

peft keeps factors in fp32 on a bf16 base. It adds d_t as it is, rounding the sum once, but subtracts d_t rounded; with
safe_merge it rounds before it adds, too, and then a - fl(d) = W0 + e with |e| <= ulp(a) / 2. So one cycle gives a weight back
wherever |e| < g / 2, g the distance to the next number towards zero: everywhere but where the sum lies in a higher binade
than W0, or W0 is the first number of its own, or at ties, which go to the even number.

Source: TRL issue 6688 (sheet rlvr, 4c); IEEE 754.
Trap: a base on the bf16 grid has even numbers only in fp16 and fp32: its ties come back there, in bf16 half of them do.
Trap: a still adapter comes back to the same two numbers after its first cycle: what goes on drifting is an adapter that moves.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import SpecError

if TYPE_CHECKING:
    from harness.spectra import Change
    from torch import Generator, Tensor, nn

RANK = 8
MOVES = ("still", "grows")


class Adapters(NamedTuple):
    """A base and a LoRA update of rank 8 on each matrix.

    Attributes:
        base: name -> (m, n) fp32.
        update: name -> (m, n) fp64.
    """

    base: "Mapping[str, Tensor]"
    update: "Mapping[str, Tensor]"


class Drift(NamedTuple):
    """All weights in one row, fp64: before, after the cycles, and the update at its full size as peft computes it."""

    before: "Tensor"
    after: "Tensor"
    update: "Tensor"

    @property
    def rms(self) -> float:
        """Root mean square of after - before."""
        return (self.after - self.before).square().mean().sqrt().item()


def adapters(arm: "Change", size: float | None, rng: "Generator | None" = None) -> Adapters:
    """The best rank-8 part of every update of an arm, at this relative norm |D|_F / |W0|_F; None leaves it as it is.

    Args:
        arm: the change.
        size: relative norm in every matrix.
        rng: draws base and update anew, Gaussian of the same shapes and norms, the base on the bf16 grid; None keeps them.
    """
    import torch

    base, found = dict(arm.base), {}
    for name, whole in arm.change().update.items():
        u, s, vh = torch.linalg.svd(whole.double(), full_matrices=False)
        norm = s[:RANK].norm() if size is None else size * base[name].double().norm()
        part = (u[:, :RANK] * s[:RANK]) @ vh[:RANK]
        if rng is not None:
            m, n = whole.shape
            base[name] = (torch.randn(m, n, generator=rng) * base[name].square().mean().sqrt()).bfloat16().float()
            part = torch.randn(m, RANK, generator=rng).double() @ torch.randn(RANK, n, generator=rng).double()
        found[name] = part * (norm / part.norm())
    return Adapters(base, found)


def wrapped(given: Adapters, dtype: str) -> "nn.Module":
    """peft's model of bare linear layers in a storage format, each with an adapter whose product is the update."""
    import torch
    from harness.spectra.precision import storage_dtype
    from peft import LoraConfig, get_peft_model
    from torch import nn

    kept = storage_dtype(dtype)
    layers = nn.ModuleList(nn.Linear(w0.shape[1], w0.shape[0], bias=False, dtype=kept) for w0 in given.base.values())
    targets = [f"layers.{i}" for i in range(len(layers))]
    model = get_peft_model(nn.ModuleDict({"layers": layers}), LoraConfig(r=RANK, lora_alpha=RANK, target_modules=targets))
    with torch.no_grad():
        for layer, (name, w0) in zip(layers_of(model), given.base.items(), strict=True):
            u, s, vh = torch.linalg.svd(given.update[name], full_matrices=False)
            layer.base_layer.weight.copy_(w0)
            layer.lora_A["default"].weight.copy_(s[:RANK].sqrt()[:, None] * vh[:RANK])
            layer.lora_B["default"].weight.copy_(u[:, :RANK] * s[:RANK].sqrt())
    return model


def layers_of(model: "nn.Module") -> "list[nn.Module]":
    """peft's layers, in the order of the matrices."""
    return list(model.base_model.model["layers"])


def drifted(given: Adapters, dtype: str, cycles: int = 1, moves: str = "still", safe: bool = False) -> Drift:
    """What so many merges and unmerges leave of the base.

    Args:
        given: base and update.
        dtype: storage format of the base.
        cycles: how often it is merged and unmerged.
        moves: "still": the same adapter every time; "grows": in cycle t of k its B is t/k of what it is, as if it were trained.
        safe: peft's safe_merge, which rounds the update before it is added.

    Raises:
        SpecError: another move.
    """
    import torch

    if moves not in MOVES:
        raise SpecError(f"unknown move {moves!r} of an adapter: use one of {', '.join(MOVES)}.")
    model = wrapped(given, dtype)
    layers = layers_of(model)
    before, update = _row(_weights(layers)), _row([layer.get_delta_weight("default").detach() for layer in layers])
    whole = [layer.lora_B["default"].weight.detach().clone() for layer in layers]
    for t in range(1, cycles + 1):
        with torch.no_grad():
            for layer, b in zip(layers, whole, strict=True):
                layer.lora_B["default"].weight.copy_(b * (t / cycles if moves == "grows" else 1.0))
        model.merge_adapter(safe_merge=safe)
        model.unmerge_adapter()
    return Drift(before, _row(_weights(layers)), update)


def reached(drift: Drift, dtype: str) -> "Tensor":
    """Mask of the weights where the sum's rounding error is at least half the spacing towards zero: see the top of the file."""
    import torch
    from harness.spectra.precision import storage_dtype

    target = storage_dtype(dtype)
    added = drift.update.to(target).double()
    error = (drift.before + added).to(target).double() - (drift.before + added)
    size = drift.before.to(target).abs()
    spacing = size.double() - torch.nextafter(size, torch.zeros_like(size)).double()
    return error.abs() >= spacing / 2


def _weights(layers: "list[nn.Module]") -> "list[Tensor]":
    return [layer.base_layer.weight.detach() for layer in layers]


def _row(tensors: "list[Tensor]") -> "Tensor":
    import torch

    return torch.cat([each.flatten().double() for each in tensors])
