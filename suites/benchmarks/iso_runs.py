"""Steps of the isospectral optimizer and its retractions on one matrix, beside AdamW's, in CPU seconds.

    adamw            torch's AdamW(fused=True), its fastest on a CPU
    newton-schulz    iso as preset: both frames' gradients, AdamW on each, two retractions, the weight anew
    others           the same with another retraction, by its name

A step has three products of 2 m n q whatever the retraction (G V, G^T U, U diag(s) V^T), and AdamW's step none: their ratio is
one of arithmetic. With the forward and backward pass of t tokens both sides have 6 t m n more.
Matrices: random frames, singular values falling from 2 to 0 as a Gaussian matrix' do; gradients Gaussian with eight directions
above. Nothing is decomposed to begin with, as the frames are known; what an SVD costs is `first_step`.
Trap: Newton-Schulz takes as many iterations as a step asks for, and none for one of length 1e-7: rates here are those of RL.
Trap: a Cayley retraction is mended every 16th step, which none of four timed steps would be: its share is added, see `run`.
"""

from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from suites.benchmarks.diff_runs import timed
from suites.benchmarks.optimizer_runs import Cost
from suites.benchmarks.race import Seconds

if TYPE_CHECKING:
    from torch import Tensor

ISO = "iso"
"""Family, Holm-corrected on its own."""

SHAPES = ((256, 256), (1024, 1024), (2048, 2048), (2048, 5632))
"""The largest is the MLP of a 1.1B Llama."""

METHODS = ("newton-schulz", "block-cayley", "qr", "cayley", "polar")
DRIFTING = ("block-cayley", "cayley")
TIGHTEN = 16
"""Steps between two mendings of the drifting ones, the preset's."""

LR = 1e-5
STEPS = 4
"""Timed steps of a run, in every run anew; one before them allocates and is left out."""


class Given(NamedTuple):
    """A weight (m, n) = U diag(s) V^T, its frames, and its gradient; fp32."""

    weight: "Tensor"
    left: "Tensor"
    values: "Tensor"
    right: "Tensor"
    gradient: "Tensor"


def given(shape: tuple[int, int], seed: int = 0) -> Given:
    """See the top of the file."""
    import torch

    g = torch.Generator().manual_seed(seed)
    drawn = lambda *size: torch.randn(*size, generator=g)  # noqa: E731
    q = min(shape)
    left, right = (torch.linalg.qr(drawn(side, q)).Q for side in shape)
    values = torch.linspace(2.0, 1.0 / q, q)
    gradient = 1e-3 * (drawn(*shape) + drawn(shape[0], 8) @ drawn(8, shape[1]))
    return Given((left * values) @ right.T, left, values, right, gradient)


def optimizer(method: str, one: Given, tighten: int | None = None) -> Any:
    """One parameter with this gradient: "adamw", or iso with a retraction's name, mended every `tighten` steps."""
    import torch
    from harness.optimizers import IsoOptimizer, iso_preset

    parameter = torch.nn.Parameter(one.weight.clone())
    parameter.grad = one.gradient.clone()
    if method == "adamw":
        return torch.optim.AdamW([parameter], lr=LR, weight_decay=0.0, fused=True)
    chosen = IsoOptimizer([{"params": [parameter], **iso_preset("iso", retraction=method, tighten=tighten)}], lr=LR, fused=True)
    chosen.state[parameter].update(state(one))
    return chosen


def state(one: Given) -> "dict[str, Tensor]":
    """What the optimizer would have made of the weight by an SVD before its first step."""
    import torch

    known = {"left": one.left.clone(), "right": one.right.clone(), "spectrum": one.values.clone()}
    moments = {f"exp_avg{which}_{side}": torch.zeros_like(known[side]) for which in ("", "_sq") for side in ("left", "right")}
    return {"step": torch.tensor(0.0), "shape": torch.tensor(tuple(one.weight.shape)), **known, **moments}


def step(method: str, one: Given, tokens: int = 0, tighten: int | None = None) -> Callable[[], Any]:
    """The optimizer's step alone; with tokens, after x W^T of that many rows forward, and backward to W and x."""
    import torch

    chosen = optimizer(method, one, tighten)
    if not tokens:
        return chosen.step
    g = torch.Generator().manual_seed(0)
    m, n = one.weight.shape
    x, pulled = (torch.randn(tokens, side, generator=g) for side in (n, m))
    x.requires_grad_()
    [parameter] = chosen.param_groups[0]["params"]

    def both() -> None:
        parameter.grad = x.grad = None
        (x @ parameter.T).backward(pulled)
        chosen.step()

    return both


def cost(call: Callable[[], Any], count: int = STEPS) -> Seconds:
    """Median of some calls; the call before them is not timed."""
    call()
    return Seconds(median(timed(call)[0] for _ in range(count)))


def run(method: str, one: Given, tokens: int = 0, count: int = STEPS) -> Callable[[], Seconds]:
    """What answers with the CPU time of a step, mending counted in."""
    usual = step(method, one, tokens)
    if method not in DRIFTING:
        return lambda: cost(usual, count)
    mended = step(method, one, tokens, tighten=1)
    return lambda: Cost(cost(usual, count), cost(mended, count)).amortised(TIGHTEN)


def first_step(one: Given) -> Seconds:
    """CPU seconds of the SVD before the first step."""
    import torch
    from harness.optimizers import IsoOptimizer, iso_preset

    parameter = torch.nn.Parameter(one.weight.clone())
    chosen = IsoOptimizer([{"params": [parameter], **iso_preset("iso")}])
    return timed(lambda: chosen.frames(parameter))[0]


class Turn(NamedTuple):
    """A frame X (m, q) and a step D (m, q) as AdamW's first is, lr times random signs."""

    frame: "Tensor"
    step: "Tensor"


def turn(side: int, q: int, seed: int = 0, lr: float = LR) -> Turn:
    """Of one side's frame."""
    import torch

    g = torch.Generator().manual_seed(seed)
    frame = torch.linalg.qr(torch.randn(side, q, generator=g)).Q
    return Turn(frame, lr * torch.randn(side, q, generator=g).sign())


def retracted(method: str, one: Turn) -> "Tensor":
    """The frame after it; "none" stays where it is. block-cayley takes the rows in the order they are in."""
    from harness.optimizers.retractions import retract

    return one.frame if method == "none" else retract(method, one.frame, one.step)


def error(found: "Tensor", wanted: "Tensor", one: Turn) -> float:
    """|Y - polar| / |D|: how far from the nearest frame, in lengths of the step."""
    return ((found.double() - wanted.double()).norm() / one.step.double().norm()).item()
