import torch
from harness.merging import Given
from harness.merging.averages import copy, fisher, mean, task_arithmetic
from pytest import approx


def test_mean_by_hand():
    w0 = torch.tensor([10.0, 10.0]).double()
    experts = [torch.tensor([1.0, 10.0]).double(), torch.tensor([4.0, 10.0]).double()]
    assert mean(w0, experts).tolist() == approx([2.5, 10.0])
    assert task_arithmetic(w0, experts, lam=0.5).tolist() == approx([10.0 + 0.5 * (-9.0 - 6.0), 10.0])
    assert copy(w0, experts).tolist() == [10.0, 10.0]


def test_fisher_by_hand():
    """Weights 1 : 3; nothing known: the mean; a floor makes the unknown count."""
    w0 = torch.zeros(3).double()
    experts = [torch.tensor([4.0, 2.0, 1.0]).double(), torch.tensor([8.0, 4.0, 5.0]).double()]
    given = Given(extras=(torch.tensor([1.0, 0.0, 0.0]).double(), torch.tensor([3.0, 0.0, 2.0]).double()))
    assert fisher(w0, experts, given).tolist() == approx([7.0, 3.0, 5.0])
    assert fisher(w0, experts, given, floor=2.0).tolist() == approx([(2 * 4 + 3 * 8) / 5, 3.0, 3.0])


def test_an_entry_that_no_expert_moved_stays_bit_for_bit(normal):
    w0 = normal(1000)
    assert torch.equal(mean(w0, [w0.clone() for _ in range(3)]), w0)
