import torch
from harness.merging.ram import ram, ram_plus
from pytest import approx

W0 = torch.zeros(5).double()
EXPERTS = [torch.tensor([1.0, 2.0, 0.0, 1e-6, 5.0]).double(), torch.tensor([3.0, 0.0, 4.0, 1e-6, 0.0]).double()]


def test_unique_changes_whole_and_shared_ones_averaged():
    assert ram(W0, EXPERTS).tolist() == approx([2.0, 2.0, 4.0, 0.0, 5.0])


def test_ram_plus_makes_unique_changes_longer():
    """Expert 1 shares 1 of 3 changes (rho = 1/2), expert 2 1 of 2 (rho = 1): both above alpha = .2, then not."""
    assert ram_plus(W0, EXPERTS, r=0.1, alpha=0.2).tolist() == approx([2.0, 2.04, 4.08, 0.0, 5.1])
    assert ram_plus(W0, EXPERTS, r=0.1, alpha=0.7).tolist() == approx([2.0, 2.1, 4.28, 0.0, 5.25])


def test_eps_is_absolute():
    assert ram(W0, EXPERTS, eps=1e-7).tolist() == approx([2.0, 2.0, 4.0, 1e-6, 5.0])
