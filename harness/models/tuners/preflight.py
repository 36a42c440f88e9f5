"""Before an adapter is trained: does every parameter of it that should move get a gradient, and if not, why not?

    moves   a finite gradient that is not all zero, after one backward pass
    waits   none yet, but one as soon as those that move have moved: LoRA's A, while its B is zero
    stuck   none at any step, and the reason

Found by doing: one backward pass; one more after a step along what moves, for those that wait; for what is left one with the
loss made large, where an underflow shows, and one with noise on all factors, where factors that start at zero show. The model
is as it was afterwards, bit for bit.

Source: reports of a silent zero policy gradient: mlx-lm-lora 49, 50, 55, trl 2872, SkyRL 1776 (sheet rlvr, 4d).
Trap: a loss that falls says nothing. It falls while half of the adapter is dead.
Trap: A without a gradient in the first step is how LoRA begins: to ask for gradients everywhere is to refuse sound adapters.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from harness.errors import ModelError
from torch import Tensor, nn

if TYPE_CHECKING:
    from harness.models.tuners.adapted import Adapted

STEP, NOISE, LARGE = 1e-2, 1e-1, 2.0**14
"""Trial step's length relative to the parameter's or to 1; spread of the noise; factor of the loss that fp16 still holds."""

Loss = Callable[[], Tensor]


class Preflight(NamedTuple):
    """What one look found.

    Attributes:
        moves: names of parameters that get a gradient at once.
        waits: those that get one after the others have moved.
        stuck: name -> why it gets none.
    """

    moves: tuple[str, ...]
    waits: tuple[str, ...]
    stuck: dict[str, str]

    @property
    def ready(self) -> bool:
        """Whether something moves and nothing is stuck."""
        return bool(self.moves) and not self.stuck

    def sentence(self) -> str:
        """All of it in one sentence, each reason with the first parameter that it was found at."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.stuck.items():
            reasons.setdefault(reason, []).append(name)
        told = "; ".join(f"{len(names)} get none, {reason} (such as {names[0]})" for reason, names in reasons.items())
        return f"{len(self.moves)} parameters get a gradient, {len(self.waits)} wait for them" + (f"; {told}." if told else ".")


def preflight(adapted: "Adapted", loss: Loss, rewards: Tensor | None = None) -> Preflight:
    """Look at every parameter of an adapter that should train.

    Args:
        adapted: the model with its adapters, before the first step.
        loss: gives the scalar that is minimised, with a graph, at the model as it stands; the same at every call.
        rewards: (problems, completions) that a policy's loss was made from, to say where they teach nothing.
    """
    should, lost = _should_train(adapted)
    kept = {name: p.detach().clone() for name, p in should.items()}
    stuck = {name: _state(adapted, name) or "as their requires_grad is off" for name in lost}
    try:
        first = _gradients(should, loss)
        moves = tuple(name for name, g in first.items() if _alive(g))
        left = [name for name in should if name not in moves]
        waits: tuple[str, ...] = ()
        if moves and left:
            _step(should, {name: first[name] for name in moves})
            second = _gradients(should, loss)
            waits = tuple(name for name in left if _finite(first[name]) and _alive(second[name]))
            _restore(should, kept)
        left = [name for name in left if name not in waits]
        stuck |= _reasons(adapted, should, first, left, loss, rewards)
    finally:
        _restore(should, kept)
    return Preflight(moves, waits, stuck)


def require_ready(adapted: "Adapted", loss: Loss, rewards: Tensor | None = None) -> Preflight:
    """`preflight`, or an error.

    Raises:
        ModelError: a parameter is stuck, or none moves.
    """
    found = preflight(adapted, loss, rewards)
    if not found.ready:
        raise ModelError(f"This {adapted.how.tuner} would not train: {found.sentence()}")
    return found


def _should_train(adapted: "Adapted") -> tuple[dict[str, nn.Parameter], list[str]]:
    """What trains, and names of what its layers call trainable and the tuner does not freeze, though it does not train."""
    trained, frozen = adapted.trainable(), adapted.how.row.frozen
    if dict(adapted.how.settings).get("frozen_a"):
        frozen = (*frozen, "lora_A")
    lost = []
    for path, layer in adapted.layers():
        by_peft = getattr(layer, "frozen_peft_weight_names", {}).get("default", ())  # MiCA's B
        for kind in set(getattr(layer, "adapter_layer_names", ())) - set(by_peft):
            part = getattr(layer, kind, None)
            for leaf, p in part.named_parameters() if isinstance(part, nn.Module) else [("", part)]:
                name = f"{path}.{kind}.{leaf}".rstrip(".")
                off = isinstance(p, nn.Parameter) and p.numel() and name not in trained
                if off and not any(each in name for each in frozen):
                    lost.append(name)
    return trained, lost


def _reasons(
    adapted: "Adapted", should: dict[str, nn.Parameter], first: dict[str, Tensor | None], left: list[str], loss: Loss,
    rewards: Tensor | None,
) -> dict[str, str]:  # fmt: skip
    if not left:
        return {}
    found = {}
    for name in left:
        if not _finite(first[name]):
            found[name] = "as theirs is not finite"
        elif (state := _state(adapted, name)) is not None:
            found[name] = state
    left = [name for name in left if name not in found]
    if rewards is not None and not (rewards != rewards[:, :1]).any():
        return found | dict.fromkeys(left, "as no group of rewards has a variance and every advantage is zero")
    if not loss().requires_grad:
        return found | dict.fromkeys(left, "as the loss has no graph")
    larger = _gradients(should, lambda: loss() * LARGE)
    for name in left:
        if _alive(larger[name]):
            found[name] = f"as theirs is lost below what {_dtype(should[name])} holds"
    with torch.no_grad():
        noise = torch.Generator().manual_seed(0)
        for p in should.values():
            p.add_((NOISE * torch.randn(p.shape, generator=noise)).to(p))
    moved = _gradients(should, loss)
    for name in left:
        if name not in found:
            zeros = "as all factors beside them start at zero: no step ever moves them"
            found[name] = zeros if _alive(moved[name]) else "as the loss does not depend on them"
    return found


def _state(adapted: "Adapted", name: str) -> str | None:
    """Why the layer of a parameter leaves it out, by peft's own flags."""
    for path, layer in adapted.layers():
        if name.startswith(f"{path}."):
            if getattr(layer, "merged", False):
                return "as the adapter is merged into its base"
            if getattr(layer, "disable_adapters", False):
                return "as the adapter is disabled"
            active = getattr(layer, "active_adapters", None)
            if active is not None and not set(active) & set(name.split(".")) and "default" in name.split("."):
                return "as another adapter is active"
    return None


def _gradients(should: dict[str, nn.Parameter], loss: Loss) -> dict[str, Tensor | None]:
    value = loss()
    if not value.requires_grad or not should:
        return dict.fromkeys(should)
    return dict(zip(should, torch.autograd.grad(value, list(should.values()), allow_unused=True), strict=True))


def _alive(gradient: Tensor | None) -> bool:
    return gradient is not None and _finite(gradient) and bool((gradient != 0).any())


def _finite(gradient: Tensor | None) -> bool:
    return gradient is None or bool(gradient.isfinite().all())


def _dtype(p: Tensor) -> str:
    return str(p.dtype).removeprefix("torch.")


@torch.no_grad()
def _step(should: dict[str, nn.Parameter], gradients: dict[str, Tensor]) -> None:
    """Against each gradient, at a length that shows whatever the loss' scale is."""
    for name, g in gradients.items():
        p = should[name]
        p.sub_((g.float() * (STEP * max(1.0, p.float().norm().item()) / g.float().norm().item())).to(p))


@torch.no_grad()
def _restore(should: dict[str, nn.Parameter], kept: dict[str, Tensor]) -> None:
    for name, p in should.items():
        p.copy_(kept[name])
