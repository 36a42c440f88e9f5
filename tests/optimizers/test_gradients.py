import pytest
import torch
from harness.errors import SpecError, TrainingError
from harness.optimizers.gradients import require_dense, require_finite


def with_gradient(gradient, dtype=torch.float32):
    p = torch.nn.Parameter(torch.zeros(gradient.shape, dtype=dtype))
    p.grad = gradient.to(dtype)
    return p


def test_the_first_gradient_that_is_not_finite_is_named():
    good, bad = with_gradient(torch.ones(2, 3)), with_gradient(torch.tensor([[1.0, torch.nan]]))
    with pytest.raises(TrainingError, match="the gradient of weight 1, 1 x 2, is not finite: nothing was moved"):
        require_finite([good, bad, bad], lambda p: "weight 1" if p is bad else "weight 0")
    require_finite([good], str)
    require_finite([], str)


def test_infinities_of_opposite_sign_do_not_cancel():
    with pytest.raises(TrainingError, match="a scalar|2"):
        require_finite([with_gradient(torch.tensor([torch.inf, -torch.inf]))], lambda p: "w")


def test_a_sum_of_large_halves_is_no_infinity():
    p = with_gradient(torch.full((64,), 6e4), torch.float16)
    assert p.grad.sum().isinf()  # in its own dtype
    require_finite([p], lambda p: "w")


def test_a_sparse_gradient_is_refused():
    p = with_gradient(torch.eye(3))
    p.grad = p.grad.to_sparse()
    with pytest.raises(SpecError, match="the gradient of w is sparse"):
        require_dense([p], lambda p: "w")
