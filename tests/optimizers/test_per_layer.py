import pytest
import torch
from harness.errors import TrainingError
from harness.optimizers import PerLayer, SubspaceOptimizer, preset


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(*(torch.nn.Linear(12, 12) for _ in range(4)))


def train(net, optimizer, steps=7):
    for t in range(steps):
        x = torch.randn(8, 12, generator=torch.Generator().manual_seed(t))
        net(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return [p.detach().clone() for p in net.parameters()]


@pytest.mark.parametrize("name", ["galore", "apollo", "ldadam"], ids="preset={}".format)
def test_stepping_inside_backward_gives_the_same_weights(name):
    outcomes = []
    for attach in (False, True):
        net = model()
        chosen = preset(name, rank=4, **({} if name == "ldadam" else {"refresh": 3}))
        optimizer = SubspaceOptimizer([{"params": net.parameters(), **chosen}])
        if attach:
            PerLayer(optimizer)
        outcomes.append(train(net, optimizer))
    assert all(torch.equal(a, b) for a, b in zip(*outcomes, strict=True))


def test_no_more_than_one_gradient_is_alive():
    net = model()
    optimizer = SubspaceOptimizer(net.parameters(), subspace=preset("galore", rank=2)["subspace"])
    alive = []
    optimizer.register_probe(lambda look: alive.append(sum(p.grad is not None for p in net.parameters())))
    handle = PerLayer(optimizer)
    train(net, optimizer, 2)
    assert alive == [1] * 8 and all(p.grad is None for p in net.parameters())
    handle.remove()
    net(torch.ones(1, 12)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_weight_used_twice_is_stepped_once_with_its_whole_gradient():
    net = torch.nn.Linear(12, 12, bias=False)
    optimizer = SubspaceOptimizer(net.parameters(), subspace=preset("galore", rank=2)["subspace"])
    PerLayer(optimizer)
    net(net(torch.ones(1, 12))).sum().backward()
    assert optimizer.state[net.weight]["step"] == 1


def test_states_are_in_the_one_checkpoint():
    """The layer-wise modes of others resume without theirs."""
    net = model()
    optimizer = SubspaceOptimizer(net.parameters(), subspace=preset("galore", rank=2)["subspace"])
    PerLayer(optimizer)
    train(net, optimizer, 2)
    assert len(optimizer.state_dict()["state"]) == 8


def test_a_gradient_that_is_not_finite_raises_from_backward():
    net = model()
    optimizer = SubspaceOptimizer(net.parameters(), subspace=preset("galore", rank=2)["subspace"])
    PerLayer(optimizer)
    with pytest.raises(TrainingError, match="is not finite"):
        (net(torch.ones(1, 12)).sum() * float("nan")).backward()
