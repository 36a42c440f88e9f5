"""The optimizer that a recipe names.

    adamw   w <- w - lr (m^ / (sqrt(v^) + eps) + wd w)     decay beside the gradient
    adam    the same without decay, on g + wd w            decay inside the gradient (L2): the moments see it
    sgd     u <- .9 u + g + wd w,   w <- w - lr u          momentum .9, no dampening

Source: Kingma & Ba 1412.6980, Loshchilov & Hutter 1711.05101.
Trap: at weight decay 0 adam is adamw, bit for bit: an arm that is to differ from its adamw twin must decay.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

from harness.interventions.sparse_mask import restrict, sparse_masks
from harness.interventions.spectrum_training import constrain
from harness.training import by_group
from harness.training.recipe import Recipe
from harness.training.runs import projections

if TYPE_CHECKING:
    from harness.models.tuners import Adapted

MOMENTUM = 0.9


def build(recipe: Recipe, model: nn.Module, seed: int, adapted: "Adapted | None" = None) -> torch.optim.Optimizer:
    """A fresh optimizer of the model's parameters; the loop sets its learning rate anew at every step.

    Where the recipe steps its matrices apart, they are a parameter group of their own (by_group.py). Where it has a mask, the
    entries under it are all that it moves; which they are is settled here, on the weights as they are now. A spectrum
    that is held, or frames that are, are likewise those of now.

    Args:
        recipe: names the optimizer, its settings and the mask.
        seed: of the run; draws the entries where a mask is larger than the recipe's fraction.
        adapted: adapters on the model, which alone are stepped then.
    """
    if adapted and recipe.adapter.optimizer:
        from harness.models.tuners.optimizers import build as of_factors

        return of_factors(adapted, lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, weight_decay=recipe.weight_decay)
    if adapted:
        return _named(recipe, list(adapted.trainable().values()))
    if recipe.matrices:
        optimizer = by_group.build(recipe, model, seed)
    else:
        optimizer = _named(recipe, [p for p in model.parameters() if p.requires_grad])
    matrices = projections(dict(model.named_parameters()))
    if recipe.spectrum:
        constrain(optimizer, matrices, recipe.spectrum)
    if recipe.mask:
        generator = torch.Generator().manual_seed(seed)
        restrict(optimizer, matrices, sparse_masks(matrices, recipe.mask, generator, recipe.mask_fraction))
    return optimizer


def _named(recipe: Recipe, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    common = dict(lr=recipe.lr, weight_decay=recipe.weight_decay)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=MOMENTUM, **common)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, betas=recipe.betas, eps=recipe.eps, fused=True, **common)
