"""One matrix stepped by one method on made-up gradients, in fp64: where a sentence is about algebra and no model is needed.

    G_t = fixed product of rank 3 + .3 Gaussian       W_0 = .02 Gaussian       (the sheet's E12)

Ranks count singular values above 1e-6 of the largest, as there. No torch is imported before a function is called.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Generator, Tensor

SHAPES = ((48, 32), (32, 48))
"""Shapes of the sheet's E12: either side is the smaller one once."""

STATE_SHAPE, STATE_RANK = (64, 256), 16
"""Where states are counted, as in the sheet's E13: GaLore 9216, AdamW 32768."""


class Stepped(NamedTuple):
    """What some steps did.

    Attributes:
        updates: U of each step, (m, n), before the learning rate; empty for methods of torch.
        moved: W_T - W_0, (m, n).
        state: tensors that are remembered, counters aside, by name.
    """

    updates: "list[Tensor]"
    moved: "Tensor"
    state: "dict[str, Tensor]"


def gradients(rng: "Generator", shape: tuple[int, int], steps: int) -> "list[Tensor]":
    """One a step, fp64."""
    import torch

    def normal(*size: int) -> "Tensor":
        return torch.randn(size, generator=rng, dtype=torch.float64)

    fixed = normal(shape[0], 3) @ normal(3, shape[1])
    return [fixed + 0.3 * normal(*shape) for _ in range(steps)]


def stepped(method: str, stream: "Sequence[Tensor]", rng: "Generator", *, lr: float = 1e-2, **settings: Any) -> Stepped:
    """Step through a stream of gradients.

    Args:
        method: "adamw", "muon" or a preset of harness.optimizers.
        stream: at least one gradient, all of one shape and dtype.
        rng: draws W_0 and the seed of random projectors.
        settings: fields of the preset's Subspace, or options of Muon.
    """
    import torch
    from harness.optimizers import SubspaceOptimizer, library_optimizer, preset

    start = 0.02 * torch.randn(stream[0].shape, generator=rng, dtype=torch.float64).to(stream[0].dtype)
    seed = int(torch.randint(2**31, (), generator=rng))
    parameter, updates = torch.nn.Parameter(start.clone()), []
    if method == "adamw":
        optimizer = torch.optim.AdamW([parameter], lr=lr, weight_decay=0.0)
    elif method == "muon":
        optimizer = library_optimizer("muon", [parameter], lr=lr, weight_decay=0.0, **settings)
    else:
        optimizer = SubspaceOptimizer([{"params": [parameter], **preset(method, **settings), "lr": lr}], seed=seed)
        optimizer.register_probe(lambda look: updates.append((look.update.T if look.flipped else look.update).clone()))
    for gradient in stream:
        parameter.grad = gradient.clone()
        optimizer.step()
    return Stepped(updates, parameter.detach() - start, kept(optimizer.state[parameter]))


def kept(state: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """A parameter's state without counters of steps and the shape."""
    return {name: tensor for name, tensor in state.items() if name not in ("step", "refreshes", "shape")}


def elements(state: "Mapping[str, Tensor]") -> int:
    """Numbers that a state holds."""
    return sum(tensor.numel() for tensor in state.values())


def state_elements(method: str, rng: "Generator", **settings: Any) -> int:
    """Numbers that a method remembers of a 64 x 256 matrix after three steps."""
    return elements(stepped(method, gradients(rng, STATE_SHAPE, 3), rng, **settings).state)


def rank(matrix: "Tensor") -> int:
    """Singular values above 1e-6 of the largest."""
    import torch

    return int(torch.linalg.matrix_rank(matrix.double(), rtol=1e-6))
