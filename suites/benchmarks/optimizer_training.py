"""A training step of a stack of linear layers: forward, backward, optimizer; low-rank ones against torch's AdamW, CPU seconds.

    share of a subspace's two products = 4 r a b of 6 t a b = 2 r / (3 t)          t tokens a step, forward and backward 6 t a b

so the ratio to AdamW is one of rank to tokens before it is one of optimizers: at r = 256 it is 17 % at 1024 tokens, 8 % at 2048
and .1 % at GaLore's own 131072. Tokens are 2048 here, eight sequences of 256.
The reference is AdamW(fused=True), torch's fastest on a CPU; its default is a loop over parameters in five passes each.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from suites.benchmarks.optimizer_runs import GAP

if TYPE_CHECKING:
    from torch import nn

TOKENS, DEPTH = 2048, 2


def stack(width: int, depth: int = DEPTH, seed: int = 0, wider: int = 1) -> "nn.Sequential":
    """`depth` blocks x -> x W1 gelu W2, without biases; W1 is `wider` times as wide as high."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(width, wider * width, bias=False), nn.GELU(), nn.Linear(wider * width, width, bias=False)]
    return nn.Sequential(*layers)


def optimizer(name: str, model: "nn.Module", rank: int, refresh: int | None = GAP) -> Any:
    """By name: "adamw" (fused), "adamw loop" (torch's default), or a preset."""
    import torch
    from harness.optimizers import SubspaceOptimizer, preset

    if name in ("adamw", "adamw loop"):
        return torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True if name == "adamw" else None)
    changes = {"refresh": refresh} if name == "apollo-mini" else {"refresh": refresh, "rank": rank}
    return SubspaceOptimizer([{"params": list(model.parameters()), **preset(name, **changes) | {"lr": 1e-3}}])


def training_step(name: str, width: int, rank: int, seed: int = 0, tokens: int = TOKENS) -> Callable[[], None]:
    """One step after another of one model on one batch."""
    import torch

    model = stack(width, seed=seed)
    steps = optimizer(name, model, rank)
    g = torch.Generator().manual_seed(seed)
    given, wanted = (torch.randn(tokens, width, generator=g) for _ in range(2))

    def run() -> None:
        torch.nn.functional.mse_loss(model(given), wanted).backward()
        steps.step()
        steps.zero_grad()

    return run
