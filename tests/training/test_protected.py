import pytest
import torch
from harness.errors import SpecError, TrainingError
from harness.models import tiny
from harness.training import by_group, cache, protected, recipes
from harness.training.cache import Request
from harness.training.continual import Continual
from harness.training.runs import projections


@pytest.fixture
def model():
    return tiny.build(0).model


def built(model, arm):
    return by_group.build(recipes.get(arm, "tiny"), model, seed=0)


def stepped(model, optimizer, count=3):
    for step in range(count):
        ids = torch.randint(4, 60, (4, 16), generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(ids, labels=ids).loss.backward()
        optimizer.step()


def drawn(model, count=5):
    empty = {name: torch.zeros(p.shape[1], count) for name, p in projections(dict(model.named_parameters())).items()}
    return protected.drawn(empty, seed=1)


def test_drawn_directions_are_orthonormal_and_belong_to_the_seed(model):
    held = drawn(model)
    for basis in held.values():
        torch.testing.assert_close(basis.T @ basis, torch.eye(5), atol=1e-5, rtol=0)
    again, other = protected.drawn(held, seed=1), protected.drawn(held, seed=2)
    assert all(torch.equal(held[name], again[name]) and not torch.equal(held[name], other[name]) for name in held)


@pytest.mark.parametrize(("arm", "least", "most"), [("second_coso", 0.0, 1e-5), ("second_gradient", 1e-2, 1.0)], ids=str)
def test_projected_inside_it_holds_and_before_adam_it_leaks(model, arm, least, most):
    """Claim C1 on a fresh model: of the update what lies along H, every matrix; and nothing else moves."""
    start, held = {name: p.detach().clone() for name, p in model.named_parameters()}, drawn(model)
    optimizer = built(model, arm)
    protected.begin(optimizer, model, Continual("history"), held, seed=0)
    stepped(model, optimizer)
    first, now = projections(start), projections(dict(model.named_parameters()))
    for name, basis in held.items():
        d = (now[name].detach() - first[name]).double()
        assert least <= ((d @ basis.double()).norm() / d.norm()).item() <= most, name
    matrices = {id(p) for p in now.values()}
    assert all(torch.equal(p, start[name]) for name, p in model.named_parameters() if id(p) not in matrices)


def test_a_projected_gradient_is_off_the_directions_before_the_optimizer_sees_it(model):
    held = drawn(model)
    optimizer = built(model, "second_gradient")
    protected.begin(optimizer, model, Continual("history"), held, seed=0)
    stepped(model, optimizer, 1)
    for name, p in projections(dict(model.named_parameters())).items():
        assert (p.grad @ held[name]).norm() <= 1e-5 * p.grad.norm()


def test_what_is_left_holds_what_was_held_and_more(model):
    held, optimizer = drawn(model, 3), built(model, "second_coso")
    protected.begin(optimizer, model, Continual("history"), held, seed=0)
    stepped(model, optimizer)
    left = protected.left(optimizer, model, 0.98)
    for name, basis in left.items():
        assert torch.equal(basis[:, :3], held[name]) and basis.shape[1] > 3
        torch.testing.assert_close(basis.T @ basis, torch.eye(basis.shape[1]), atol=1e-5, rtol=0)


def test_nothing_to_protect_says_so(model):
    with pytest.raises(TrainingError, match="left no directions to protect"):
        protected.begin(built(model, "second_coso"), model, Continual("random"), None, seed=0)
    protected.begin(built(model, "second_coso"), model, Continual(), None, seed=0)


def test_a_run_leaves_directions_and_the_next_stays_off_them(cache_folder, few_steps, no_evaluation):
    second = cache.ensure(Request("second_coso", "tiny", 0))
    held = second.base.history()
    assert second.history() is None and second.base.base.history() is None
    change = second.change()
    assert set(held) == set(change.update)
    for name, d in change.update.items():
        assert (d @ held[name].double()).norm() <= 1e-4 * d.norm() > 0.0


def test_models_give_the_history_that_an_arm_stayed_off(cache_folder, few_steps, no_evaluation):
    from harness.engine.lab import Lab
    from harness.engine.policies import Policies

    for arm in ("second_coso", "second_adamw"):
        cache.ensure(Request(arm, "tiny", 0))
    lab = Lab("tiny")
    arms = [lab.change(arm, 0) for arm in ("second_coso", "second_adamw")]
    models = Policies(lab, 0, arms)
    assert models.history(arms[0]).keys() == arms[0].update.keys()
    with pytest.raises(SpecError, match="models has no history for second_adamw"):
        models.history(arms[1])
    with pytest.raises(TrainingError, match="trained no adapters"):
        models.adapter(arms[0])
