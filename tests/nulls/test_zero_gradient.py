import pytest
import torch

from harness.errors import MeasureError
from harness.nulls import coast, zero_gradient_step
from harness.spectra import Change, change_density


def adam(betas: tuple[float, float], eps: float, steps: int, generator: torch.Generator):
    """A parameter after some steps of torch's Adam on random gradients, in fp64."""
    w = torch.nn.Parameter(torch.randn(6, 5, generator=generator, dtype=torch.float64))
    optimizer = torch.optim.AdamW([w], lr=1e-3, betas=betas, eps=eps, weight_decay=0.0)
    road = [w.detach().clone()]
    for _ in range(steps):
        w.grad = torch.randn(6, 5, generator=generator, dtype=torch.float64)
        optimizer.step()
        road.append(w.detach().clone())
    return w, optimizer, road


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("betas, eps", [((0.9, 0.999), 1e-8), ((0.9, 0.98), 1e-2)])
def test_it_is_the_step_that_torch_takes_on_a_zero_gradient(steps, betas, eps, generator):
    """Truth: torch.optim.AdamW."""
    w, optimizer, road = adam(betas, eps, steps, generator)
    state = optimizer.state[w]
    made = zero_gradient_step(state["exp_avg"], state["exp_avg_sq"], lr=1e-3, step=steps, betas=betas, eps=eps)
    w.grad = torch.zeros_like(w)
    optimizer.step()
    assert torch.allclose(made, w.detach() - road[-1], rtol=1e-9, atol=1e-17)


@pytest.mark.parametrize("steps", [1, 4, 30])
def test_coasting_follows_from_the_step_before(steps, generator):
    """Truth: the same step from the update alone; eps is 1e-12 here. Weights of 1 round steps of 1e-3 by 1e-13 of them."""
    w, optimizer, road = adam((0.9, 0.999), 1e-12, steps, generator)
    base = road[-2].float()
    step = coast(Change({"w": base}, {"w": road[-1] - road[-2]}), steps)
    state = optimizer.state[w]
    truth = zero_gradient_step(state["exp_avg"], state["exp_avg_sq"], lr=1e-3, step=steps, eps=1e-12)
    assert torch.allclose(step.update["w"], truth, rtol=1e-6, atol=1e-15)
    assert torch.equal(step.base["w"], (base.double() + (road[-1] - road[-2])).float())
    assert step.label == "null:zero_gradient"


@pytest.mark.parametrize("step, share", [(1, 0.67), (10_000, 0.9 / 0.999**0.5)])
def test_its_length_against_the_step_before(step, share):
    """Limit: .9 (1 - .9) / (1 - .81) sqrt((1 - .998001) / (.999 x .001)) after the first, b1 / sqrt(b2) late."""
    change = Change({"w": torch.ones(2, 2)}, {"w": torch.full((2, 2), 1e-3, dtype=torch.float64)})
    assert coast(change, step).norm()["w"] / change.norm()["w"] == pytest.approx(share, abs=5e-3)


def test_it_changes_nearly_as_many_stored_entries_as_a_step(generator):
    """Limit: at a step far below the grid the density goes with its length: .9 of it late, coins of 65536 entries."""
    base = (0.02 * torch.randn(256, 256, generator=generator)).bfloat16().float()
    signs = torch.randint(0, 2, (256, 256), generator=generator).double() * 2 - 1
    step = Change({"w": base}, {"w": 1e-5 * signs})
    after = Change({"w": step.tuned("bf16")["w"].float()}, step.update)
    real, still = change_density(after)["w"], change_density(coast(step, 1000))["w"]
    assert 0.6 < still / real < 2.0


def test_without_momentum_nothing_moves_and_nonsense_is_refused():
    zero = torch.zeros(3)
    assert torch.count_nonzero(zero_gradient_step(zero, zero, lr=1.0, step=0, eps=0.0)) == 0
    with pytest.raises(MeasureError, match="count steps from 1"):
        coast(Change({"w": torch.ones(1, 1)}, {"w": torch.ones(1, 1).double()}), 0)
    with pytest.raises(MeasureError, match="a second moment is negative"):
        zero_gradient_step(zero, zero - 1, lr=1.0, step=1)
