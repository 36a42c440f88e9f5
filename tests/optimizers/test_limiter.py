import pytest
import torch
from harness.optimizers import SubspaceOptimizer, preset
from harness.optimizers.limiter import limit


@pytest.mark.parametrize("name", ["apollo", "apollo-mini"], ids="preset={}".format)
@pytest.mark.parametrize("limiter", [1.01, None], ids="limiter={}".format)
def test_norms_grow_by_a_hundredth_at_most(name, limiter, stream, drive):
    """Claim T11, with its control: without the limiter growing gradients break the bound. U here is after sqrt(scale)."""
    norms = []
    parameter = torch.nn.Parameter(torch.zeros(16, 24, dtype=torch.float64))
    group = preset(name, rank=1 if name == "apollo-mini" else 4, limiter=limiter)
    optimizer = SubspaceOptimizer([{"params": [parameter], **group}])
    optimizer.register_probe(lambda look: norms.append(look.update.norm().item()))
    drive(optimizer, parameter, [(1 + t % 3) * g for t, g in enumerate(stream((16, 24), 12))])
    growth = max(b / a for a, b in zip(norms, norms[1:], strict=False))
    assert (growth <= 1.01 + 1e-6) == (limiter is not None)


def test_an_update_that_shrinks_is_left_alone_and_remembered():
    previous = torch.tensor(5.0)
    update = torch.tensor([3.0, 0.0])
    assert torch.equal(limit(update, previous, 1.01), update) and previous.item() == 3.0
    torch.testing.assert_close(limit(2 * update, previous, 1.5), 1.5 * update)
    assert previous.item() == pytest.approx(4.5)


def test_a_step_after_zeros_is_free():
    """The released codes would let it grow from 1e-8 by 1 % a step."""
    previous = torch.tensor(0.0)
    update = torch.ones(4)
    assert limit(torch.zeros(4), previous, 1.01).tolist() == [0.0] * 4
    assert torch.equal(limit(update, previous, 1.01), update) and previous.item() == 2.0
