"""An optimizer that steps the attention and MLP matrices by one method and all else by AdamW.

    group 0    the matrices: AdamW, Muon, an isospectral method, or a preset of harness.optimizers with the recipe's betas;
               none where they are frozen
    last       embeddings, head and norms: AdamW, as in every arm of the bench; frozen where tasks are learned in turn

Trap: a frozen matrix with a gradient would still count in the norm that clips all others, so it asks for none.
Trap: an isospectral method has no weight decay to offer its matrices: a recipe that decays is refused.
Trap: torch's Muon takes matrices only, so it and an AdamW are two optimizers that are stepped as one.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from harness.training.methods import ISOSPECTRAL
from harness.training.recipe import Recipe
from harness.training.runs import projections

COUNTERS = ("step", "refreshes", "shape")


class Together(torch.optim.Optimizer):
    """Optimizers of disjoint parameters as one; its groups are theirs, so that a rate set here is theirs too."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        super().__init__([p for part in parts for group in part.param_groups for p in group["params"]], {})
        self.parts = parts
        self.param_groups = [group for part in parts for group in part.param_groups]

    def step(self, closure: Callable[[], Tensor] | None = None) -> None:
        """One step of each; there is no closure."""
        for part in self.parts:
            part.step()


def build(recipe: Recipe, model: nn.Module, seed: int) -> torch.optim.Optimizer:
    """A fresh optimizer of the model's parameters, in groups; frozen matrices stop asking for gradients.

    Args:
        recipe: with `matrices`.
        seed: of the run; random projectors and permutations are drawn by it.

    Raises:
        SpecError: the method is unknown, or a setting is.
    """
    from harness.optimizers import IsoOptimizer, SubspaceOptimizer, iso_preset, library_optimizer, preset

    apart = recipe.matrices
    named = dict(model.named_parameters())
    matrices = list(projections(named).values())
    others = {id(p) for p in named.values()} - {id(p) for p in matrices}
    rest: dict[str, Any] = {"params": [p for p in named.values() if id(p) in others], "lr": recipe.lr}
    own: dict[str, Any] = {"params": matrices, "lr": apart.lr}
    if recipe.continual:
        for p in rest["params"]:
            p.requires_grad_(False)
    common = dict(betas=recipe.betas, eps=recipe.eps, weight_decay=recipe.weight_decay, fused=True)
    if apart.method == "adamw":
        return torch.optim.AdamW([own, rest], **common)
    if apart.method == "frozen":
        for p in matrices:
            p.requires_grad_(False)
        return torch.optim.AdamW([rest], **common)
    if apart.method == "muon":
        muon = library_optimizer("muon", matrices, lr=apart.lr, weight_decay=recipe.weight_decay)
        return Together([muon, torch.optim.AdamW([rest], **common)])
    if apart.method in ISOSPECTRAL:
        return IsoOptimizer([own | iso_preset(apart.method, **dict(apart.settings)), rest], **common, seed=seed)
    chosen = preset(apart.method, **dict(apart.settings))
    own |= {"subspace": chosen["subspace"], "eps": chosen["eps"]}
    return SubspaceOptimizer([own, rest], **common, seed=seed)


def state_elements(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, int]:
    """Elements that the optimizer remembers of each matrix, counters of steps aside; 0 for one that it does not step."""
    parts = optimizer.parts if isinstance(optimizer, Together) else [optimizer]
    found = {}
    for name, p in projections(dict(model.named_parameters())).items():
        states = [part.state[p] for part in parts if p in part.state]
        found[name] = sum(t.numel() for state in states for key, t in state.items() if key not in COUNTERS)
    return found
