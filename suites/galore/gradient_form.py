"""A chained net without biases, small enough to write its gradients down: Theorem 3.2 (a), batch size 1.

    h_0 = x,   h_l = phi(W_l h_{l-1}),   the last layer linear;   loss = |y - h_L|^2 / 2
    G_l = (J^T y - J^T J W_l h_{l-1}) h_{l-1}^T = -dloss/dW_l,   J = W_L D_{L-1} ... W_{l+1} D_l,   D = diag(phi'(W h))

It holds where J W_l h_{l-1} = h_L for every l, that is where phi(z) = phi'(z) z entry by entry: phi homogeneous of degree 1.
Source: GaLore 2403.03507, Thm. 3.2 and Def. 3.1; recipe E2 of the sheet. The paper's G is minus the gradient.
Trap: the last layer obeys the form whatever phi is (J = I): read the worst layer, not the last.
"""

from typing import TYPE_CHECKING, NamedTuple

from harness.errors import SpecError

if TYPE_CHECKING:
    from torch import Generator, Tensor

WIDTHS = (8, 24, 24, 24, 8)
"""Wide enough that no layer of ReLUs is dead: all 24 are off once in 2^24 draws."""

ACTIVATIONS = ("relu", "leaky", "square", "tanh")


class Chain(NamedTuple):
    """One draw.

    Attributes:
        weights: W_1 .. W_L, fp64, entries N(0, 2 / inputs).
        x, y: input and answer, Gaussian.
        activation: one of ACTIVATIONS.
    """

    weights: "tuple[Tensor, ...]"
    x: "Tensor"
    y: "Tensor"
    activation: str


def drawn(rng: "Generator", activation: str = "relu", widths: tuple[int, ...] = WIDTHS) -> Chain:
    """A net at random.

    Raises:
        SpecError: an unknown activation.
    """
    import torch

    if activation not in ACTIVATIONS:
        raise SpecError(f"unknown activation {activation!r}: use one of {', '.join(ACTIVATIONS)}.")
    shapes = zip(widths[1:], widths, strict=False)
    weights = tuple(torch.randn(m, n, generator=rng, dtype=torch.float64) * (2 / n) ** 0.5 for m, n in shapes)
    x, y = (torch.randn(side, generator=rng, dtype=torch.float64) for side in (widths[0], widths[-1]))
    return Chain(weights, x, y, activation)


def closed_form(net: Chain) -> "list[Tensor]":
    """G_l of every layer by the theorem, from products of matrices alone."""
    import torch

    inputs, slopes = [net.x], []
    for w in net.weights[:-1]:
        value, slope = _activated(net.activation, w @ inputs[-1])
        inputs.append(value)
        slopes.append(slope)
    jacobian, found = torch.eye(len(net.y), dtype=torch.float64), []
    for layer in reversed(range(len(net.weights))):
        w, h = net.weights[layer], inputs[layer]
        found.append(torch.outer(jacobian.T @ net.y - jacobian.T @ (jacobian @ (w @ h)), h))
        if layer:
            jacobian = jacobian @ w * slopes[layer - 1]
    return found[::-1]


def by_autograd(net: Chain) -> "list[Tensor]":
    """-dloss/dW_l of every layer."""
    import torch

    weights = [w.clone().requires_grad_() for w in net.weights]
    h = net.x
    for w in weights[:-1]:
        h = _activated(net.activation, w @ h)[0]
    loss = (net.y - weights[-1] @ h).square().sum() / 2
    return [-g for g in torch.autograd.grad(loss, weights)]


def relative_error(net: Chain) -> float:
    """|G - closed form|_F / |G|_F of the worst layer."""
    return max(((g - form).norm() / g.norm()).item() for g, form in zip(by_autograd(net), closed_form(net), strict=True))


def _activated(kind: str, z: "Tensor") -> "tuple[Tensor, Tensor]":
    """phi(z) and phi'(z)."""
    if kind == "tanh":
        return z.tanh(), 1 - z.tanh().square()
    if kind == "square":
        return z.square(), 2 * z
    slope = (z > 0).to(z) if kind == "relu" else (z > 0).to(z) * 0.9 + 0.1
    return slope * z, slope
