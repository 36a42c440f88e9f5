"""Two tasks, one after the other, learned by a small network: does the second undo the first?

    x = B z + .05 noise, z Gaussian of 8 in 32 dimensions;   y = tanh(x A) C        B, A, C of each task its own
    f(x) = W2 tanh(W1 x), W1 48 x 32, W2 4 x 48, mean square error over 512 points of each task

Both matrices are stepped by CoSO (rank 8, T = 20, 150 steps a task, batches of 64). At the end of the first task its subspace H
is closed; what H then is depends on `protect`:

    history   what CoSO's sketch found                        nothing   emptied again: GaLore on the input side
    random    a random subspace of as many dimensions         still     history, and no second task is trained

All four are the same up to there, and a task begins with fresh moments in each.
Source: CoSO 2505.11816, in place of whose image tasks this stands; sizes, rates and steps are this module's choice.
Trap: who learns less forgets less. Read the loss of the second task beside the first's.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Generator, Tensor

INPUTS, OWN, HIDDEN, OUTPUTS = 32, 8, 48, 4
POINTS, BATCH, STEPS, LR = 512, 64, 150, 1e-2
RANK, REFRESH, SKETCH = 8, 20, 32
PROTECT = ("history", "nothing", "random", "still")


class Outcome(NamedTuple):
    """What two tasks in a row led to.

    Attributes:
        first: loss of the first task before, after it and after the second.
        second: loss of the second task before it and after it.
        touched: |dW H|_F / |dW|_F of each matrix over the second task, H as CoSO's sketch found it (0 where nothing moved).
        dimensions: columns of each H.
    """

    first: tuple[float, float, float]
    second: tuple[float, float]
    touched: list[float]
    dimensions: list[int]


class Task(NamedTuple):
    """Inputs (POINTS, INPUTS) and answers (POINTS, OUTPUTS)."""

    x: "Tensor"
    y: "Tensor"


def task(rng: "Generator") -> Task:
    """A task with an input subspace and a teacher of its own; answers of about unit variance."""
    import torch

    own = torch.linalg.qr(torch.randn(INPUTS, OWN, generator=rng)).Q
    x = torch.randn(POINTS, OWN, generator=rng) @ own.T + 0.05 * torch.randn(POINTS, INPUTS, generator=rng)
    hidden = torch.tanh(x @ torch.randn(INPUTS, 16, generator=rng))
    y = hidden @ torch.randn(16, OUTPUTS, generator=rng)
    return Task(x, (y - y.mean(0)) / y.std())


def learned_in_turn(rng: "Generator", protect: str = "history") -> Outcome:
    """Learn two tasks; everything but `protect` is drawn from rng in one order, so that equal generators pair."""
    import torch
    from harness.optimizers import SubspaceOptimizer, preset

    one, two = task(rng), task(rng)
    w1 = torch.nn.Parameter(torch.randn(HIDDEN, INPUTS, generator=rng) / INPUTS**0.5)
    w2 = torch.nn.Parameter(torch.randn(OUTPUTS, HIDDEN, generator=rng) / HIDDEN**0.5)
    matrices = [w1, w2]
    # W2 has 4 rows, and its input side is projected all the same: r <= 48 is all it takes.
    settings = preset("coso", rank=RANK, refresh=REFRESH, sketch=SKETCH) | {"lr": LR}
    optimizer = SubspaceOptimizer([{"params": matrices, **settings}])

    def loss(which: Task, rows: "Tensor | slice" = slice(None)) -> "Tensor":
        return (torch.tanh(which.x[rows] @ w1.T) @ w2.T - which.y[rows]).square().mean()

    def train(which: Task) -> None:
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss(which, torch.randint(POINTS, (BATCH,), generator=rng)).backward()
            optimizer.step()

    def now(which: Task) -> float:
        with torch.no_grad():
            return loss(which).item()

    before = now(one)
    train(one)
    optimizer.end_task()
    found = [optimizer.state[p]["history"].clone() for p in matrices]
    for p, history in zip(matrices, found, strict=True):
        if protect == "nothing":
            optimizer.state[p]["history"] = history[:, :0].clone()
        drawn = torch.linalg.qr(torch.randn(history.shape, generator=rng)).Q
        if protect == "random":
            optimizer.state[p]["history"] = drawn
    middle, fresh, start = now(one), now(two), [p.detach().clone() for p in matrices]
    if protect != "still":
        train(two)
    moved = [p.detach() - w for p, w in zip(matrices, start, strict=True)]
    touched = [((d @ h).norm() / d.norm().clamp(min=1e-30)).item() for d, h in zip(moved, found, strict=True)]
    return Outcome((before, middle, now(one)), (fresh, now(two)), touched, [h.shape[1] for h in found])
