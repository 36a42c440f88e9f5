import pytest
import torch
from harness.errors import SpecError
from harness.optimizers import SubspaceOptimizer, history, preset


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


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


def protected(held, shape=(6, 10), name="coso", steps=30):
    """How far a weight moved after `steps` steps of noise with these directions left alone, and its optimizer."""
    parameter = torch.nn.Parameter(torch.zeros(shape))
    optimizer = SubspaceOptimizer([{"params": [parameter], **preset(name, rank=3, refresh=4), "lr": 0.02}])
    optimizer.protect({parameter: held})
    for step in range(steps):
        parameter.grad = drawn(*shape, seed=step).float()
        optimizer.step()
    return parameter.detach(), optimizer


def test_directions_given_from_outside_are_left_alone():
    """Truth: no move along them. Limit: none of them is CoSO without a history, bit for bit."""
    held = torch.linalg.qr(drawn(10, 4)).Q.float()
    moved, optimizer = protected(held)
    assert (moved @ held).norm() <= 1e-6 * moved.norm() and moved.norm() > 0.1
    optimizer.end_task()
    after = next(iter(optimizer.state.values()))["history"]
    assert torch.equal(after[:, :4], held) and after.shape[1] > 4
    free, plain = protected(held[:, :0])[0], torch.nn.Parameter(torch.zeros(6, 10))
    other = SubspaceOptimizer([{"params": [plain], **preset("coso", rank=3, refresh=4), "lr": 0.02}])
    for step in range(30):
        plain.grad = drawn(6, 10, seed=step).float()
        other.step()
    assert torch.equal(free, plain)


@pytest.mark.parametrize(
    ("held", "name", "says"),
    [
        (torch.eye(6)[:, :2], "coso", r"projected on a side of 10: directions of shape \(6, 2\)"),
        (2 * torch.eye(10)[:, :2], "coso", "are not orthonormal"),
        (torch.eye(10)[:, :2], "galore", "parameter 0 has no sketch"),
    ],
    ids=["side", "length", "preset"],
)
def test_directions_that_cannot_be_left_alone_say_why(held, name, says):
    with pytest.raises(SpecError, match=says):
        protected(held, name=name)


def test_a_sketch_of_the_gradient_sees_what_the_subspace_does_not():
    """With sketch_rank the history has directions that P never held."""
    found = {}
    for rank in (0, 4):
        parameter = torch.nn.Parameter(torch.zeros(6, 10))
        group = preset("coso", rank=1, refresh=None, sketch=6, sketch_rank=rank)
        optimizer = SubspaceOptimizer([{"params": [parameter], **group, "lr": 0.02}])
        for _ in range(3):
            parameter.grad = torch.diag(torch.tensor([8.0, 4.0, 2.0, 1.0, 0.5, 0.2])) @ torch.eye(10)[:6]
            optimizer.step()
        optimizer.end_task(1.0)
        found[rank] = optimizer.state[parameter]["history"].shape[1]
    assert found == {0: 1, 4: 4}
