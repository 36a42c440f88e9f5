"""Training with the singular values held, or with nothing but them free: a projection after every step of any optimizer.

    hold_spectrum        W <- U_W S0 V_W^T                              the nearest matrix with the base's spectrum
    move_spectrum_only   s <- s + diag(U0^T (W - W_before) V0),  W <- U0 diag(s) V0^T

Exact to the rounding of the weights' dtype, whatever the number of steps: the first takes an SVD in fp64 each time, the
second keeps s in fp64. This is no Riemannian optimizer: gradients, clipping and moments are those of free training, and the
projection comes after them.
Source: arXiv 2607.19331, fixed-spectrum and spectrum-only training as quoted; I2 of the sheet's 2.5, H16.
Trap: of a step the spectrum gets about 1/sqrt(max(m, n)), so that spectrum-only training stalls for the length of its steps
alone. `full_steps` makes each as long as the optimizer's own: what stalls even so stalls for its directions.
Trap: singular values may change places and signs on the way; the frames stay those of the base, the order does not.
Trap: weights that are rounded to bf16 after the step leave the family again.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from harness.errors import SpecError
from harness.interventions.sparse_mask import Restriction, restrict
from harness.spectra.frame import Frame

SPECTRA = ("held", "only", "only_full_steps")
"""Names of these ways of training in a recipe."""


def constrain(optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], spectrum: str) -> Restriction:
    """One of SPECTRA by name, all other parameters free. Raises as the two functions below; or SpecError for another name."""
    if spectrum not in SPECTRA:
        raise SpecError(f"unknown way {spectrum!r} of training the spectrum: use one of {', '.join(SPECTRA)}.")
    if spectrum == "held":
        return hold_spectrum(optimizer, parameters)
    return move_spectrum_only(optimizer, parameters, full_steps=spectrum == "only_full_steps")


def hold_spectrum(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    others: Literal["held", "free"] = "free",
) -> Restriction:
    """Give matrices the singular values of now back after every step of an optimizer.

    Args:
        optimizer: any of torch's; has made no step yet.
        parameters: name -> matrix (m, n), the optimizer's.
        others: "free" trains every other parameter of the optimizer (embeddings, norms, biases); "held" keeps it where it is.

    Raises:
        SpecError: a parameter is not 2-D or not the optimizer's, the optimizer has a state, or `others` is another word.
    """

    def holding(p: nn.Parameter) -> Callable[[], None]:
        values = Frame.of(p.detach()).S

        def project() -> None:
            u, _, vh = torch.linalg.svd(p.double(), full_matrices=False)
            p.copy_((u * values) @ vh)

        return project

    return _after_each_step(optimizer, parameters, holding, others)


def move_spectrum_only(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    full_steps: bool = False,
    others: Literal["held", "free"] = "free",
) -> Restriction:
    """Let an optimizer move the singular values of matrices in the frames of now, and nothing else of them.

    Args:
        optimizer, parameters, others: as in `hold_spectrum`.
        full_steps: each projected step is made as long as the optimizer's step was.

    Raises:
        SpecError: as `hold_spectrum`.
    """

    def moving(p: nn.Parameter) -> Callable[[], None]:
        frame = Frame.of(p.detach())
        values, before = frame.S.clone(), p.detach().clone()

        def project() -> None:
            step = p.double() - before.double()
            along = (frame.U * (step @ frame.V)).sum(0)
            if full_steps and along.any():
                along *= torch.linalg.vector_norm(step) / torch.linalg.vector_norm(along)
            values.add_(along)
            p.copy_((frame.U * values) @ frame.V.T)
            before.copy_(p)

        return project

    return _after_each_step(optimizer, parameters, moving, others)


def _after_each_step(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    projecting: Callable[[nn.Parameter], Callable[[], None]],
    others: str,
) -> Restriction:
    for name, parameter in parameters.items():
        if parameter.ndim != 2:
            raise SpecError(f"{name} has shape {tuple(parameter.shape)}: only a 2-D weight has a spectrum to train.")
    everything = {name: torch.ones_like(p, dtype=torch.bool) for name, p in parameters.items()}
    whole = restrict(optimizer, parameters, everything, others)  # checks the arguments, and holds what is to be held
    projections = [(p, projecting(p)) for p in parameters.values()]

    @torch.no_grad()
    def project(*_: object) -> None:
        for p, each in projections:
            if p.isfinite().all():  # else training diverged, which is the loop's to say
                each()

    return Restriction([optimizer.register_step_post_hook(project), whole])
