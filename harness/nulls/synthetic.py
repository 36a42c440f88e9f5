"""Arms without training: noise, decay and one sign step on any base, for real weights that nobody fine-tuned.

Each builds a Change from base matrices alone, so every measure, null and plant applies to it.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from harness.nulls.surrogate import gaussian, random_signs
from harness.spectra.change import Change


def noise(base: Mapping[str, Tensor], relative: float, generator: torch.Generator) -> Change:
    """Isotropic Gaussian updates with |D|_F = relative * |W0|_F in every matrix.

    Args:
        base: name -> (m, n), any floating dtype.
        relative: dimensionless, not negative.
        generator: CPU generator; matrices draw in the order of their sorted names.
    """

    def draw(w0: Tensor) -> Tensor:
        direction = gaussian(w0.shape, generator)
        return direction * (relative * torch.linalg.vector_norm(w0.double()) / torch.linalg.vector_norm(direction))

    return _arm(base, draw, "noise")


def decay(base: Mapping[str, Tensor], d: float) -> Change:
    """Weight decay alone, D = -d W0; d is the sum of learning rate times decay over the steps."""
    return _arm(base, lambda w0: -d * w0.double(), "decay")


def sign_step(base: Mapping[str, Tensor], lr: float, generator: torch.Generator) -> Change:
    """One Adam step with random signs: every entry moves by lr, up or down."""
    return _arm(base, lambda w0: lr * random_signs(w0.shape, generator), "sign_step")


def _arm(base: Mapping[str, Tensor], draw: Callable[[Tensor], Tensor], name: str) -> Change:
    single = {matrix: base[matrix].detach().float() for matrix in sorted(base)}
    return Change(single, {matrix: draw(w0) for matrix, w0 in single.items()}, label=name, arm=name)
