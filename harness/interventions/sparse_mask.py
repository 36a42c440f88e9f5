"""Sparse fine-tuning: which entries may move, and an optimizer that moves no others.

    principal    M_princ, the `fraction` of entries largest in |W0^(r)|          complement   those outside M_princ
    low          M_low, the `fraction` of entries smallest in |W0|               safe         complement or low
    random       any

Every mask holds the same number of entries in every matrix, min(round(fraction mn), mn // 2): where a set is larger, that
many are drawn from it uniformly. At fraction .5 complement is exactly the rest of principal.
Source: arXiv 2511.08567, Table 4, where the masks hold 50 to 74 % of the weights (safe and random the most).
Trap: a mask of 74 % against one of 50 % compares counts. And equal counts are not equal updates: compare the outcomes at
matched update norm as well. Weight decay and momentum leak into entries whose gradient alone is 0; `restrict` stops both.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from harness.errors import SpecError
from harness.spectra.masks import low_mask, principal_mask

MASKS = ("principal", "complement", "low", "safe", "random")


def sparse_masks(
    weights: Mapping[str, Tensor],
    which: str,
    generator: torch.Generator,
    fraction: float = 0.5,
    rank: int | None = None,
) -> dict[str, Tensor]:
    """The entries that may move, (m, n) bool by matrix name, on each matrix's device.

    Args:
        weights: name -> (m, n), the base.
        which: one of MASKS.
        generator: CPU generator; one draw of mn numbers per matrix, by sorted name, whatever the mask.
        fraction: share of the entries of each matrix, in (0, .5].
        rank: of the approximation behind M_princ; if None, an eighth of min(m, n).

    Raises:
        SpecError: an unknown mask, a fraction outside (0, .5] or so small that a matrix keeps no entry, or a tensor that is
            not 2-D.
    """
    if which not in MASKS:
        raise SpecError(f"unknown sparse mask {which!r}: use one of {', '.join(MASKS)}.")
    if not 0.0 < fraction <= 0.5:
        raise SpecError(
            f"a fraction of {fraction} of the entries: it must lie above 0 and at most at .5, so that the rest holds as many."
        )
    masks = {}
    for name in sorted(weights):
        w0 = weights[name].detach()
        if w0.ndim != 2:
            raise SpecError(f"{name} has shape {tuple(w0.shape)}: sparse masks are for 2-D weights.")
        count = min(round(fraction * w0.numel()), w0.numel() // 2)
        if count == 0:
            raise SpecError(f"a fraction of {fraction} leaves no entry of {name} to train: choose a larger one.")
        order = torch.rand(w0.shape, generator=generator).to(w0.device)
        masks[name] = _drawn(_allowed(w0, which, count / w0.numel(), rank), order, count)
    return {name: masks[name] for name in weights}


def _allowed(w0: Tensor, which: str, alpha: float, rank: int | None) -> Tensor:
    if which == "random":
        return torch.ones_like(w0, dtype=torch.bool)
    if which == "low":
        return low_mask(w0, alpha)
    principal = principal_mask(w0, alpha, rank)
    if which == "principal":
        return principal
    return ~principal | low_mask(w0, alpha) if which == "safe" else ~principal


def _drawn(allowed: Tensor, order: Tensor, count: int) -> Tensor:
    """`count` of the allowed entries, those first in a random order."""
    ranked = torch.where(allowed, order, torch.inf).flatten().argsort(stable=True)
    mask = torch.zeros_like(allowed).flatten()
    mask[ranked[:count]] = True
    return mask.view_as(allowed)


class Restriction:
    """What `restrict` has attached to an optimizer; `remove` detaches it."""

    def __init__(self, handles: list) -> None:
        self._handles = handles

    def remove(self) -> None:
        """Let every entry move again. The values stay where they are."""
        for handle in self._handles:
            handle.remove()
        self._handles = []


def restrict(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    masks: Mapping[str, Tensor],
    others: Literal["held", "free"] = "held",
) -> Restriction:
    """Let an optimizer move only the entries under a mask.

    Gradients are masked as they are accumulated, so that clipping sees what will be used; after each step the other entries get
    their value back, bit for bit, and their moments are 0. Works with any torch optimizer, with weight decay and momentum.

    Args:
        optimizer: has made no step yet.
        parameters: name -> parameter, the matrices by the masks' names.
        masks: name -> bool, the parameter's shape, as from `sparse_masks`; the same names.
        others: "held" keeps every other parameter of the optimizer (embeddings, norms, biases) where it is; "free" trains it.

    Raises:
        SpecError: names or shapes differ, a parameter is not the optimizer's, the optimizer has a state, or `others` is
            another word.
    """
    if others not in ("held", "free"):
        raise SpecError(f"the other parameters can be 'held' or 'free', not {others!r}.")
    if parameters.keys() != masks.keys():
        odd = sorted(parameters.keys() ^ masks.keys())
        raise SpecError(f"parameters and masks differ in {', '.join(odd[:3])}: every matrix needs its mask.")
    if optimizer.state:
        raise SpecError("the optimizer has already made a step: restrict it before the first, so that no moment is left over.")
    everything = [p for group in optimizer.param_groups for p in group["params"]]
    owned = {id(p) for p in everything}
    keep: dict[int, Tensor] = {}
    for name, parameter in parameters.items():
        if id(parameter) not in owned:
            raise SpecError(f"{name} is not a parameter of the optimizer: it cannot be restricted.")
        if masks[name].shape != parameter.shape or masks[name].dtype != torch.bool:
            raise SpecError(f"the mask of {name} must be a bool tensor of shape {tuple(parameter.shape)}.")
        keep[id(parameter)] = masks[name].to(parameter.device)
    bound = [
        (p, keep.get(id(p), torch.zeros_like(p, dtype=torch.bool)), p.detach().clone())
        for p in everything
        if id(p) in keep or others == "held"
    ]
    handles = [p.register_hook(lambda grad, mask=mask: grad * mask) for p, mask, _ in bound]
    handles.append(optimizer.register_step_post_hook(lambda used, *_: _put_back(used, bound)))
    return Restriction(handles)


@torch.no_grad()
def _put_back(optimizer: torch.optim.Optimizer, bound: list[tuple[nn.Parameter, Tensor, Tensor]]) -> None:
    for parameter, mask, start in bound:
        parameter.copy_(torch.where(mask, parameter, start))
        # L2 decay inside the gradient (Adam, SGD) reaches the moments of masked entries; decoupled decay does not.
        for moment in optimizer.state.get(parameter, {}).values():
            if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                moment.mul_(mask)
