"""The Gauss-Newton matrix of a run of the bench, and directions to read it along.

    F = mean over positions of J^T (diag p - p p^T) J,   the Hessian of the KL from the model to itself at its own weights

It is what B_i and C_i make up in Lemma 3.3: with outputs linear in W it is the Hessian, here it is the Hessian less the part
that vanishes with the residual. It has no negative eigenvalue, so its readings have a logarithm.
Source: GaLore 2403.03507, Lemma 3.3 and B.1; Martens 1412.1193 for Gauss-Newton as Fisher.
Trap: F is that of the matrices together. Directions have the gradient's own norm in every matrix: if the gradient lay in a
steep layer only, Gaussian directions would too.
"""

from typing import TYPE_CHECKING, NamedTuple

from harness.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.training.lm_run import LanguageRun
    from torch import Generator, Tensor

    Direction = dict[str, Tensor]

WINDOWS, DRAWS = 32, 4
FILTERS, POWER = 8, 6
"""How often the steep part is damped, and power iterations for the largest eigenvalue that this needs."""

KINDS = ("gradient", "noise", "turned", "flat")


class Curved(NamedTuple):
    """The KL of a model to itself as a function, and the matrices that it depends on, by name."""

    loss: "Callable[[], Tensor]"
    matrices: "dict[str, Tensor]"


def gauss_newton(run: "LanguageRun", step: int) -> Curved:
    """F of a run after a kept step, on 2048 characters of its training text that `run.gradients(step)` does not see."""
    import torch
    from harness.training.runs import projections

    model, batch = run.model(step), run.probe(draw=1, windows=WINDOWS)
    with torch.no_grad():
        fixed = model(batch.ids, use_cache=False).logits.softmax(-1)

    def loss() -> "Tensor":
        return -(fixed * model(batch.ids, use_cache=False).logits.log_softmax(-1)).sum(-1).mean()

    return Curved(loss, projections(dict(model.named_parameters())))


def curvature(curved: Curved, directions: "list[Direction]") -> float:
    """v'Fv / |v|^2, mean over directions."""
    from harness.spectra import directional_curvature

    found = directional_curvature([curved.loss], curved.matrices, dict(enumerate(directions)))
    return sum(each.mean for each in found.values()) / len(found)


def direction_of(gradient: "Direction", kind: str, curved: Curved, rng: "Generator") -> "list[Direction]":
    """Directions with the gradient's norm in every matrix.

    Args:
        gradient: name -> (m, n).
        kind: "gradient" is itself; "noise": Gaussian, "turned": its singular values in random frames, DRAWS of each;
            "flat": a Gaussian one times (I - F / l)^FILTERS, l a little above F's largest eigenvalue.
        curved: F.
        rng: CPU generator.

    Raises:
        SpecError: an unknown kind.
    """
    import torch

    if kind not in KINDS:
        raise SpecError(f"unknown direction {kind!r}: use one of {', '.join(KINDS)}.")
    if kind == "gradient":
        return [gradient]
    if kind == "flat":
        return [_flat(_noise(gradient, rng), curved)]
    if kind == "noise":
        return [_noise(gradient, rng) for _ in range(DRAWS)]
    from harness.nulls.haar import haar_frame

    drawn: list[Direction] = [{} for _ in range(DRAWS)]
    for name, g in gradient.items():
        (m, n), values = g.shape, torch.linalg.svdvals(g.double())
        for direction in drawn:
            direction[name] = (haar_frame(m, len(values), rng) * values) @ haar_frame(n, len(values), rng).T
    return drawn


def _noise(gradient: "Direction", rng: "Generator") -> "Direction":
    import torch

    drawn = {name: torch.randn(g.shape, generator=rng).double() for name, g in gradient.items()}
    return {name: z * (gradient[name].double().norm() / z.norm()) for name, z in drawn.items()}


def _flat(direction: "Direction", curved: Curved) -> "Direction":
    import torch
    from harness.spectra import hvp

    def product(v: "Direction") -> "Direction":
        return {name: x.double() for name, x in hvp(curved.loss, curved.matrices, v).items()}

    def norm(v: "Direction") -> float:
        return torch.stack([x.norm() for x in v.values()]).norm().item()

    steep, largest = direction, 1.0
    for _ in range(POWER):
        size = norm(steep)
        steep = product({name: x / size for name, x in steep.items()})
        largest = norm(steep)
    for _ in range(FILTERS):
        moved = product(direction)
        direction = {name: x - moved[name] / (1.2 * largest) for name, x in direction.items()}
    return direction
