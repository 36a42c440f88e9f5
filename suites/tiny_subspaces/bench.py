"""A small classifier whose gradients, Hessian and steps can be taken apart: is learning in the Hessian's top, or beside it?

    5 Gaussian classes in 20 dimensions, 400 points;   MLP 20-24-24-5, tanh, 1229 parameters, cross-entropy, fp64
    SGD, lr .05, batch 40, 600 steps;   V: the top 5 eigenvectors of the whole loss's Hessian, anew every 20 steps
    to step 100 SGD; from there   Dom  w <- w - lr V V^T g      Bulk  w <- w - lr (g - V V^T g)      on the same batches

The parts of g by other spaces are the controls of these two:

    random    V: 5 orthonormal directions at random, anew every 20 steps; they have .4 % of g
    matched   V: one direction u at random, anew at every step, but for |u^T g|^2 / |g|^2, which is the top space's. u u^T g and
              g - u u^T g are as long as the steps of Dom and Bulk, and along g they go as far

Source: Song, Ahn & Yun 2405.16002 (Dom-SGD, Bulk-SGD); Gur-Ari, Roberts & Dyer 1812.04754; recipe E11 of the sheet on low-rank
gradients. It has one set of data; here every replicate draws its own.
Trap: a share of the loss drop saturates: a walk that is a third slower still ends near the same loss. `pace` counts steps.
Trap: a batch's gradient is noise in good part, and its noise too lies along the Hessian's top: the share of a batch's gradient
and that of the whole gradient are two numbers.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import SpecError

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from harness.spectra import HessianTop

Weights = dict[str, "Tensor"]

WIDTHS = (20, 24, 24, 5)
CLASSES = WIDTHS[-1]
POINTS, SPREAD, BATCH, LR = 400, 1.2, 40, 0.05
STEPS, SWITCH, EVERY = 600, 100, 20
TOLERANCE = 1e-3  # of the Hessian's eigenvectors, as in E11
SPACES = ("top", "random", "matched")
PARTS = ("inside", "outside", "all")


class Problem(NamedTuple):
    """One draw.

    Attributes:
        x, y: (400, 20) fp64 and (400,), the whole of the data.
        start: initial weights by name, uniform within 1 / sqrt(inputs), as torch's Linear.
        batches: (600, 40), which points step 1, 2, ... sees.
    """

    x: "Tensor"
    y: "Tensor"
    start: Weights
    batches: "Tensor"

    def loss(self, weights: Weights, points: "Tensor | None" = None) -> "Tensor":
        """Mean cross-entropy of some points, or of all."""
        from torch.nn.functional import cross_entropy

        x, y = (self.x, self.y) if points is None else (self.x[points], self.y[points])
        for layer in range(len(WIDTHS) - 1):
            x = (x.tanh() if layer else x) @ weights[f"W{layer}"].T + weights[f"b{layer}"]
        return cross_entropy(x, y)

    def gradient(self, weights: Weights, points: "Tensor | None" = None) -> Weights:
        """Of that loss, by name."""
        import torch

        found = torch.autograd.grad(self.loss(weights, points), list(weights.values()))
        return dict(zip(weights, found, strict=True))

    def top(self, weights: Weights, k: int = CLASSES, start: int = 0) -> "HessianTop":
        """Top eigenvectors of the whole loss's Hessian, from one of the starts of the iteration that finds them."""
        from harness.spectra import hessian_top

        return hessian_top(lambda: self.loss(weights), weights, k, seed=start, tolerance=TOLERANCE)


class Look(NamedTuple):
    """What there was before a step.

    Attributes:
        step: steps made.
        weights: at that point.
        gradient: of the batch that comes next.
        whole: gradient of the whole loss.
    """

    step: int
    weights: Weights
    gradient: Weights
    whole: Weights


def problem(rng: "Generator", *, shuffled: bool = False) -> Problem:
    """Draw classes, points, initial weights and batches; `shuffled` deals the labels out anew."""
    import torch

    means = torch.randn(CLASSES, WIDTHS[0], generator=rng, dtype=torch.float64)
    y = torch.randint(CLASSES, (POINTS,), generator=rng)
    x = means[y] + SPREAD * torch.randn(POINTS, WIDTHS[0], generator=rng, dtype=torch.float64)
    start = {}
    for layer, (inputs, outputs) in enumerate(zip(WIDTHS, WIDTHS[1:], strict=False)):
        for name, shape in ((f"W{layer}", (outputs, inputs)), (f"b{layer}", (outputs,))):
            start[name] = (2 * torch.rand(shape, generator=rng, dtype=torch.float64) - 1) / inputs**0.5
    batches = torch.randint(POINTS, (STEPS, BATCH), generator=rng)
    if shuffled:
        y = y[torch.randperm(POINTS, generator=rng)]
    return Problem(x, y, start, batches)


def looks(drawn: Problem, *, noisy: bool = True, first: int = SWITCH, every: int = EVERY) -> Iterator[Look]:
    """Train by SGD, or without noise by the whole gradient, and stop every so many steps from `first` on."""
    weights = _leaves(drawn.start)
    for step, points in enumerate(drawn.batches):
        if step >= first and (step - first) % every == 0:
            yield Look(step, _leaves(weights), drawn.gradient(weights, points), drawn.gradient(weights))
        weights = _moved(weights, drawn.gradient(weights, points if noisy else None))


def switched(drawn: Problem) -> Weights:
    """Weights after SWITCH steps of SGD, where branches begin."""
    weights = _leaves(drawn.start)
    for points in drawn.batches[:SWITCH]:
        weights = _moved(weights, drawn.gradient(weights, points))
    return weights


def branch(drawn: Problem, weights: Weights, rng: "Generator", *, space: str = "top", part: str = "all") -> tuple[float, ...]:
    """Whole losses after SWITCH, SWITCH + 1, ..., STEPS steps, where from the switch on only a part of g is stepped along.

    Args:
        drawn: the problem.
        weights: as of `switched`.
        rng: of random spaces.
        space: one of SPACES.
        part: "inside" of it (Dom), "outside" of it (Bulk), or "all" of g.

    Raises:
        SpecError: an unknown space or part.
    """
    import torch

    if space not in SPACES or part not in PARTS:
        raise SpecError(f"the part {part!r} by the space {space!r}: use one of {PARTS} and one of {SPACES}.")
    losses, basis = [], None
    for step, points in enumerate(drawn.batches[SWITCH:]):
        with torch.no_grad():
            losses.append(drawn.loss(weights).item())
        if part != "all" and step % EVERY == 0:
            basis = random_space(weights, rng) if space == "random" else drawn.top(weights)
        gradient = drawn.gradient(weights, points)
        if part != "all":
            inside = _matched(gradient, basis.share(gradient), rng) if space == "matched" else _inside(gradient, basis)
            gradient = inside if part == "inside" else {name: g - inside[name] for name, g in gradient.items()}
        weights = _moved(weights, gradient)
    return (*losses, drawn.loss(weights).item())


def progress(losses: Sequence[float], sgd: Sequence[float]) -> float:
    """Drop of the loss over a branch, as a share of SGD's."""
    return (losses[0] - losses[-1]) / (sgd[0] - sgd[-1])


def pace(losses: Sequence[float], sgd: Sequence[float]) -> float:
    """Steps that SGD spends above the loss at which a branch ends, over the steps of the branch; at most 1."""
    return sum(each > losses[-1] for each in sgd[:-1]) / (len(sgd) - 1)


def random_space(like: Weights, rng: "Generator", k: int = CLASSES) -> "HessianTop":
    """k orthonormal directions at random over all parameters, in the shape of a Hessian's top space; its values are 0."""
    import torch

    from harness.spectra import HessianTop

    sizes = [w.numel() for w in like.values()]
    columns = torch.linalg.qr(torch.randn(sum(sizes), k, generator=rng, dtype=torch.float64)).Q
    parts = zip(like.items(), columns.split(sizes), strict=True)
    vectors = {name: part.T.reshape(k, *w.shape) for (name, w), part in parts}
    nothing = torch.zeros(k, dtype=torch.float64)
    return HessianTop(nothing, vectors, nothing, None, 0, sum(sizes))


def behind(top: "HessianTop", k: int = CLASSES) -> "HessianTop":
    """Without its k leading directions: the space of those that come next."""
    vectors = {name: v[k:] for name, v in top.vectors.items()}
    return top._replace(values=top.values[k:], vectors=vectors, residuals=top.residuals[k:])


def mean(numbers: Iterator[float] | Sequence[float]) -> float:
    """Of one or more numbers."""
    found = list(numbers)
    return sum(found) / len(found)


def _inside(gradient: Weights, top: "HessianTop") -> Weights:
    """V V^T g."""
    along = sum(top.vectors[name].flatten(1) @ g.flatten() for name, g in gradient.items())
    return {name: (along @ top.vectors[name].flatten(1)).view_as(g) for name, g in gradient.items()}


def _matched(gradient: Weights, share: float, rng: "Generator") -> Weights:
    """u u^T g = f g + sqrt(f (1 - f)) |g| e of a random u, where f is the share and e a random unit vector beside g."""
    import torch

    sizes = [g.numel() for g in gradient.values()]
    flat = torch.cat([g.flatten() for g in gradient.values()])
    beside = torch.randn(flat.shape, generator=rng, dtype=flat.dtype)
    beside -= flat * (flat @ beside) / (flat @ flat)
    size = torch.linalg.vector_norm(flat) / torch.linalg.vector_norm(beside)
    found = share * flat + (share * (1 - share)) ** 0.5 * size * beside
    return {name: part.view_as(gradient[name]) for name, part in zip(gradient, found.split(sizes), strict=True)}


def _leaves(weights: Weights) -> Weights:
    return {name: w.detach().clone().requires_grad_() for name, w in weights.items()}


def _moved(weights: Weights, gradient: Weights) -> Weights:
    return {name: (w.detach() - LR * gradient[name]).requires_grad_() for name, w in weights.items()}
