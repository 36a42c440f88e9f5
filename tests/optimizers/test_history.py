import pytest
import torch
from harness.errors import SpecError
from harness.optimizers import SubspaceOptimizer, history, preset


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_sketch_is_within_frequent_directions_bound():
    """0 <= sum |G_t^T x|^2 - |S x|^2 <= sum |G|_F^2 / (l - k) for every x, here k = 0 and all x at once."""
    sketch, total = torch.zeros(8, 20, dtype=torch.float64), torch.zeros(20, 20, dtype=torch.float64)
    basis = torch.linalg.qr(drawn(20, 5)).Q
    for t in range(12):
        projected = drawn(5, 30, seed=t)
        history.absorb(sketch, basis, projected)
        total += basis @ projected @ projected.T @ basis.T
        basis = torch.linalg.qr(basis + 0.3 * drawn(20, 5, seed=100 + t)).Q
    left = torch.linalg.eigvalsh(total - sketch.T @ sketch)
    assert left.min() > -1e-9 * total.trace() and left.max() <= total.trace() / 8


def test_a_sketch_of_few_directions_is_exact():
    sketch, basis = torch.zeros(8, 20, dtype=torch.float64), torch.linalg.qr(drawn(20, 5)).Q
    parts = [drawn(5, 30, seed=t) for t in range(4)]
    for projected in parts:
        history.absorb(sketch, basis, projected)
    torch.testing.assert_close(sketch.T @ sketch, sum(basis @ r @ r.T @ basis.T for r in parts))


@pytest.mark.parametrize("energy", [0.5, 0.9, 1.0], ids="energy={}".format)
def test_history_takes_the_directions_that_hold_the_energy(energy):
    sketch = torch.diag(torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0, 0.0], dtype=torch.float64))[:4]
    held = history.extended(torch.zeros(6, 0, dtype=torch.float64), sketch, energy)
    squares = torch.tensor([64.0, 16.0, 4.0, 1.0]).cumsum(0) / 85
    assert held.shape[1] == int((squares < energy - 1e-6).sum()) + 1
    more = history.extended(held, torch.eye(6, dtype=torch.float64)[4:], 1.0)
    torch.testing.assert_close(more.T @ more, torch.eye(held.shape[1] + 2, dtype=torch.float64))


def two_tasks(protect, shape=(12, 20)):
    """A weight that meets inputs of one subspace, then of another; returns (loss rise on the first, H, dW of the second)."""
    parameter = torch.nn.Parameter(torch.zeros(shape))
    inputs = [(drawn(300, 6, seed=s) @ drawn(6, shape[1], seed=s + 9)).float() for s in (1, 2)]
    targets = [x @ drawn(*shape, seed=s).float().T / 10 for s, x in zip((5, 6), inputs, strict=True)]
    optimizer = SubspaceOptimizer([{"params": [parameter], **preset("coso", rank=6, refresh=10, sketch=12), "lr": 0.02}])

    def loss(task):
        return ((inputs[task] @ parameter.T - targets[task]) ** 2).mean()

    for task in (0, 1):
        for _ in range(100):
            optimizer.zero_grad()
            loss(task).backward()
            optimizer.step()
        if task == 0:
            first, before = loss(0).item(), parameter.detach().clone()
            if protect:
                optimizer.end_task(energy=1.0)
    return loss(0).item() - first, optimizer.state[parameter]["history"], (parameter - before).detach()


def test_a_second_task_leaves_the_first_alone():
    """Claim T24: H^T dW is rounding, and the first task's loss rises less than without protection."""
    rise, held, change = two_tasks(protect=True)
    assert held.shape == (20, 6)
    assert (change @ held).norm() <= 1e-6 * change.norm() and change.norm() > 0.1
    assert abs(rise) < 1e-4 < 0.1 < two_tasks(protect=False)[0]


@pytest.mark.parametrize(
    ("name", "energy", "says"), [("galore", 0.9, "no parameter group has a sketch"), ("coso", 0.0, "an energy of 0.0")]
)
def test_ending_a_task_that_cannot_be_says_why(name, energy, says):
    optimizer = SubspaceOptimizer([{"params": [torch.nn.Parameter(torch.zeros(8, 8))], **preset(name, rank=2)}])
    with pytest.raises(SpecError, match=says):
        optimizer.end_task(energy)
