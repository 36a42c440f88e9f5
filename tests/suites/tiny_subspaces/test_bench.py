"""The classifier of the claims on tiny subspaces: its gradient and Hessian, the parts of a step, and how walks are compared."""

import pytest
import torch
from harness.errors import SpecError
from suites.tiny_subspaces import bench
from suites.tiny_subspaces.bench import behind, branch, looks, pace, problem, progress, random_space, switched


def drawn(seed=0, **options):
    return problem(torch.Generator().manual_seed(seed), **options)


def flat(weights):
    return torch.cat([w.flatten() for w in weights.values()])


@pytest.fixture(scope="module")
def started():
    """A problem, with leaves at its start."""
    made = drawn()
    return made, {name: w.clone().requires_grad_() for name, w in made.start.items()}


def test_the_network_is_torchs_own(started):
    """Truth: torch.nn layers with the same weights give the same loss and gradient; 1229 numbers."""
    made, weights = started
    layers = [torch.nn.Linear(a, b, dtype=torch.float64) for a, b in zip(bench.WIDTHS, bench.WIDTHS[1:], strict=False)]
    for i, layer in enumerate(layers):
        layer.load_state_dict({"weight": weights[f"W{i}"].detach(), "bias": weights[f"b{i}"].detach()})
    tanh = torch.nn.Tanh()
    loss = torch.nn.functional.cross_entropy(torch.nn.Sequential(layers[0], tanh, layers[1], tanh, layers[2])(made.x), made.y)
    loss.backward()
    assert made.loss(weights).item() == pytest.approx(loss.item(), rel=1e-12)
    own = torch.cat([p.grad.flatten() for layer in layers for p in (layer.weight, layer.bias)])
    torch.testing.assert_close(flat(made.gradient(weights)), own, rtol=0, atol=1e-14)
    assert len(own) == 1229


def test_shuffling_moves_labels_alone():
    plain, shuffled = drawn(3), drawn(3, shuffled=True)
    assert torch.equal(plain.x, shuffled.x) and torch.equal(plain.batches, shuffled.batches)
    assert torch.equal(flat(plain.start), flat(shuffled.start))
    assert torch.equal(plain.y.bincount(), shuffled.y.bincount()) and (plain.y != shuffled.y).double().mean() > 0.7


def test_a_random_space_is_orthonormal_and_holds_chance(started):
    """Limit: the mean share of five of 1229 directions is 5 / 1229, standard error .0001 over 400 draws."""
    made, weights = started
    rng = torch.Generator().manual_seed(1)
    spaces = [random_space(weights, rng) for _ in range(400)]
    columns = torch.cat([v.flatten(1) for v in spaces[0].vectors.values()], 1)
    torch.testing.assert_close(columns @ columns.T, torch.eye(5, dtype=torch.float64), rtol=0, atol=1e-12)
    gradient = made.gradient(weights)
    assert sum(s.share(gradient) for s in spaces) / 400 == pytest.approx(spaces[0].chance, abs=6e-4)


def test_behind_the_top_come_the_next(started):
    made, weights = started
    both = made.top(weights, 4)
    after = behind(both, 2)
    assert torch.equal(after.values, both.values[2:]) and len(after.residuals) == 2
    gradient = made.gradient(weights)
    first = both._replace(values=both.values[:2], vectors={name: v[:2] for name, v in both.vectors.items()})
    assert first.share(gradient) + after.share(gradient) == pytest.approx(both.share(gradient))


def test_parts_of_a_step(started):
    """Truth: inside is the projection; a matched part is as long and goes as far along the gradient."""
    made, weights = started
    top, gradient = made.top(weights), made.gradient(weights, made.batches[0])
    g, share = flat(gradient), top.share(gradient)
    inside = flat(bench._inside(gradient, top))
    columns = torch.cat([v.flatten(1) for v in top.vectors.values()], 1)
    torch.testing.assert_close(inside, columns.T @ (columns @ g), rtol=0, atol=1e-12)
    matched = flat(bench._matched(gradient, share, torch.Generator().manual_seed(2)))
    for part in (inside, matched):
        assert (part @ part / (g @ g)).item() == pytest.approx(share)
        assert (part @ g / (g @ g)).item() == pytest.approx(share)
        assert (part @ (g - part)).item() == pytest.approx(0.0, abs=1e-12)
    cosine = matched @ inside / (matched.norm() * inside.norm())
    assert cosine.item() < 0.9


@pytest.fixture
def short(monkeypatch):
    """Branches of 40 steps after 20."""
    monkeypatch.setattr(bench, "SWITCH", 20)
    made = drawn(7)
    made = made._replace(batches=made.batches[:60])
    return made, switched(made)


def test_a_branch_with_all_of_the_gradient_is_sgd(short):
    """Truth: the losses are those of weights moved by torch.optim.SGD on the same batches."""
    made, weights = short
    own = {name: w.detach().clone().requires_grad_() for name, w in made.start.items()}
    sgd = torch.optim.SGD(own.values(), lr=bench.LR)
    seen = []
    for step, points in enumerate(made.batches):
        if step >= 20:
            seen.append(made.loss(own).item())
        sgd.zero_grad()
        made.loss(own, points).backward()
        sgd.step()
    losses = branch(made, weights, torch.Generator())
    assert losses == pytest.approx((*seen, made.loss(own).item()), rel=1e-9)


def test_inside_and_outside_of_one_space_make_up_the_step(short):
    """Truth: at the first step, w - lr (inside + outside) is SGD's; random spaces of one generator are the same."""
    made, weights = short
    after = []
    for part in ("inside", "outside", "all"):
        one = made._replace(batches=made.batches[:21])
        after.append(branch(one, weights, torch.Generator().manual_seed(4), space="random", part=part)[-1])
    start = made.loss(weights).item()
    assert sum(start - each for each in after[:2]) == pytest.approx(start - after[2], rel=0.05)


def test_looks_come_when_they_should(short):
    """Truth: the weights at the first look are those of the switch; without noise the second differ from SGD's."""
    made, weights = short
    seen = list(looks(made, first=20, every=20))
    assert [look.step for look in seen] == [20, 40]
    torch.testing.assert_close(flat(seen[0].weights), flat(weights), rtol=0, atol=0)
    torch.testing.assert_close(flat(seen[0].gradient), flat(made.gradient(weights, made.batches[20])), rtol=0, atol=0)
    torch.testing.assert_close(flat(seen[0].whole), flat(made.gradient(weights)), rtol=0, atol=0)
    quiet = list(looks(made, noisy=False, first=20, every=20))
    assert not torch.equal(flat(quiet[1].weights), flat(seen[1].weights))


def test_progress_and_pace_of_known_curves():
    """Truth: a walk at half SGD's speed on a straight line; on a curve that levels off its progress hides it."""
    line = [10.0 - t for t in range(11)]
    half = [10.0 - t / 2 for t in range(11)]
    assert progress(half, line) == pytest.approx(0.5) and pace(half, line) == pytest.approx(0.5)
    curve, slow = ([2.0 ** (-t * speed) for t in range(11)] for speed in (1.0, 0.5))
    assert progress(slow, curve) > 0.96 and pace(slow, curve) == pytest.approx(0.5)
    assert progress(line, line) == 1.0 and pace(line, line) == 1.0


@pytest.mark.parametrize("wrong", [dict(space="bottom"), dict(part="half")], ids=str)
def test_what_is_not_known_is_refused(started, wrong):
    with pytest.raises(SpecError):
        branch(*started, torch.Generator(), **wrong)
