"""Memory of training with an optimizer: bytes of its state, and the peak of a process of its own.

    state   bytes of all tensors that the optimizer keeps;   counters of a parameter are 28 bytes of it, a limiter's norm 4
    peak    VmHWM of /proc/self/status after three training steps, torch and the interpreter included; Linux only

The model has 67M parameters, eight blocks 1024 -> 4096 -> 1024: .25 GiB in fp32, as much again of gradients, and 256 tokens
whose activations are small beside them. "per layer" steps each parameter inside the backward pass and frees its gradient
(harness/optimizers/per_layer.py). "weights" only builds the model: what it takes is what no optimizer can save.
Trap: without fixed mapping of large blocks peaks vary by what glibc keeps; all methods have it here (harness/memory.py).

    python -m suites.benchmarks.optimizer_memory "galore per layer"
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
WIDTH, WIDER, BLOCKS, TOKENS, RANK = 1024, 4, 8, 256, 256
EACH = ("adamw", "galore", "apollo", "apollo-mini")
METHODS = ("weights", *EACH, *(f"{name} per layer" for name in EACH))


class Memory(NamedTuple):
    """GiB of the weights, of the optimizer's state, and of the process at its peak."""

    weights: float
    state: float
    peak: float


def measured(method: str) -> Memory:
    """Of a fresh process."""
    command = [sys.executable, "-W", "ignore", "-m", "suites.benchmarks.optimizer_memory", method]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Memory(**json.loads(done.stdout))


def above_weights(method: str, base: Memory) -> float:
    """GiB of the peak over that of the process that only builds the model."""
    return measured(method).peak - base.peak


def state_bytes(optimizer: Any) -> int:
    """Of every tensor in its state."""
    import torch

    tensors = [value for state in optimizer.state.values() for value in state.values() if isinstance(value, torch.Tensor)]
    return sum(each.numel() * each.element_size() for each in tensors)


def expected_bytes(name: str, shape: tuple[int, int], rank: int) -> int:
    """Of one fp32 parameter, by the papers' counts: P a r and two moments r b; AdamW two of a b."""
    a, b = sorted(shape)
    if name == "adamw":
        return 4 * (2 * a * b + 1)
    rank = 1 if name == "apollo-mini" else rank
    return 4 * (a * rank + 2 * rank * b) + 28 + (4 if name.startswith("apollo") else 0)


def train(method: str, width: int = WIDTH, blocks: int = BLOCKS, rank: int = RANK, steps: int = 3) -> Any:
    """Build the model and take the steps; the model and its optimizer, None for "weights"."""
    import torch
    from harness.optimizers import PerLayer, SubspaceOptimizer
    from suites.benchmarks.optimizer_training import optimizer, stack

    name = method.removesuffix(" per layer")
    model = stack(width, depth=blocks, wider=WIDER)
    if name == "weights":
        return model, None
    if method == "adamw per layer":
        chosen = SubspaceOptimizer(model.parameters(), lr=1e-3, fused=True)
    else:
        chosen = optimizer(name, model, rank, refresh=2)
    hooks = PerLayer(chosen) if name != method else None
    g = torch.Generator().manual_seed(0)
    for _ in range(steps):
        given, wanted = (torch.randn(TOKENS, width, generator=g) for _ in range(2))
        torch.nn.functional.mse_loss(model(given), wanted).backward()
        chosen.step()
        chosen.zero_grad()
    if hooks:
        hooks.remove()
    return model, chosen


def main(method: str) -> None:
    """Train, and print what it took as JSON."""
    from harness import memory, threads

    threads.configure()
    memory.return_large_blocks()
    model, chosen = train(method)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    state = state_bytes(chosen) if chosen else 0
    print(json.dumps({"weights": weights / 2**30, "state": state / 2**30, "peak": int(line.split()[1]) / 2**20}))


if __name__ == "__main__":
    main(*sys.argv[1:])
