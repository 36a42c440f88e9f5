import pytest
import torch
from torch import nn
from torch.nn import functional

from harness.errors import MeasureError
from harness.spectra import empirical_fisher_diagonal, squared_batch_gradient, true_fisher_diagonal


@pytest.fixture
def classifier(generator):
    """Multinomial regression: layer, inputs (30, 5), labels."""
    layer = nn.Linear(5, 4, bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(torch.randn(4, 5, generator=generator))
    x = torch.randn(30, 5, generator=generator, dtype=torch.float64)
    return layer, x, torch.randint(0, 4, (30,), generator=generator)


def test_the_true_one_has_its_closed_form(classifier):
    """Truth: F = E[(diag p - p p^T) (x) x x^T] of a softmax layer, its diagonal E[p (1 - p) x^2]; also the loss's Hessian."""
    layer, x, y = classifier
    found = true_fisher_diagonal(lambda: layer(x).log_softmax(1), {"w": layer.weight})["w"]
    p = layer(x).softmax(1).detach()
    torch.testing.assert_close(
        true_fisher_diagonal(lambda: layer(x) + 3.0, {"w": layer.weight})["w"], found, rtol=0, atol=1e-13
    )
    torch.testing.assert_close(found, (p * (1 - p)).T @ x.square() / 30, rtol=0, atol=1e-13)
    hessian = torch.autograd.functional.hessian(lambda w: functional.cross_entropy(x @ w.T, y), layer.weight.detach())
    torch.testing.assert_close(found.flatten(), hessian.reshape(20, 20).diagonal(), rtol=0, atol=1e-13)


def test_the_empirical_one_has_its_closed_form(classifier):
    """Truth: E[(p - onehot(y))^2 x^2]."""
    layer, x, y = classifier
    found = empirical_fisher_diagonal(lambda: functional.cross_entropy(layer(x), y, reduction="none"), {"w": layer.weight})["w"]
    error = layer(x).softmax(1).detach() - functional.one_hot(y, 4)
    torch.testing.assert_close(found, error.square().T @ x.square() / 30, rtol=0, atol=1e-13)


def test_drawn_labels_converge_to_the_exact_one(classifier):
    """Limit: 4000 labels per example, five standard errors of the largest entry."""
    layer, x, _ = classifier
    exact, drawn, again = (
        true_fisher_diagonal(lambda: layer(x).log_softmax(1), {"w": layer.weight}, *given)["w"]
        for given in ((), (torch.Generator().manual_seed(0), 4000), (torch.Generator().manual_seed(0), 4000))
    )
    assert torch.equal(drawn, again)
    assert (drawn - exact).abs().max() < 0.02 * exact.max()


def test_a_network_agrees_with_brute_force(generator):
    """Truth: per-example gradients by torch.func of a two-layer network."""
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    x, y = torch.randn(12, 4, generator=generator).double(), torch.randint(0, 3, (12,), generator=generator)
    parameters = dict(model.named_parameters())

    def one(weights, xi, yi):
        return functional.cross_entropy(torch.func.functional_call(model, weights, (xi[None],)), yi[None])

    detached = {name: p.detach() for name, p in parameters.items()}
    rows = torch.func.vmap(torch.func.grad(one), in_dims=(None, 0, 0))(detached, x, y)
    found = empirical_fisher_diagonal(lambda: functional.cross_entropy(model(x), y, reduction="none"), parameters)
    for name, g in rows.items():
        torch.testing.assert_close(found[name], g.square().mean(0), rtol=1e-10, atol=1e-15)


def test_they_part_where_the_data_are_fitted(classifier):
    """Trap: where the model gives the label p > .95, the empirical one has (1 - p)^2 and the true one p (1 - p): a twentieth."""
    layer, x, _ = classifier
    p, y = (4 * layer(x)).softmax(1).max(1)
    sure = p > 0.95
    assert sure.sum() > 10
    x, y = 4 * x[sure], y[sure]
    empirical = empirical_fisher_diagonal(lambda: functional.cross_entropy(layer(x), y, reduction="none"), {"w": layer.weight})
    true = true_fisher_diagonal(lambda: layer(x).log_softmax(1), {"w": layer.weight})
    assert empirical["w"].sum() < 0.05 * true["w"].sum()


def test_adams_second_moment_is_a_batch_smaller(generator):
    """Trap: gradients of mean 0: the square of the mean of B = 25 is a 25th of the empirical Fisher, on average."""
    w = torch.zeros(40, dtype=torch.float64, requires_grad=True)
    ratio = []
    for _ in range(400):
        x = torch.randn(25, 40, generator=generator, dtype=torch.float64)
        batch = squared_batch_gradient(lambda x=x: (x @ w).mean(), {"w": w})["w"].sum()
        each = x.square().mean(0).sum()
        ratio.append((batch / each).item())
    assert 25 * sum(ratio) / 400 == pytest.approx(1.0, abs=0.06)
    x = torch.randn(25, 40, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(empirical_fisher_diagonal(lambda: x @ w, {"w": w})["w"], x.square().mean(0), rtol=1e-12, atol=0)


def test_what_is_undefined_is_refused(classifier, generator):
    layer, x, y = classifier
    own = {"w": layer.weight}
    with pytest.raises(MeasureError, match=r"a tensor of shape \(\) was given: this Fisher diagonal is taken of \(N,\) losses"):
        empirical_fisher_diagonal(lambda: functional.cross_entropy(layer(x), y), own)
    with pytest.raises(MeasureError, match=r"is taken of \(N, C\) log-probabilities"):
        true_fisher_diagonal(lambda: layer(x)[:, 0], own)
    with pytest.raises(MeasureError, match="the losses do not depend on the parameters"):
        empirical_fisher_diagonal(lambda: torch.ones(3), own)
    with pytest.raises(MeasureError, match="0 labels per example are none"):
        true_fisher_diagonal(lambda: layer(x).log_softmax(1), own, generator, 0)
    with pytest.raises(MeasureError, match="a gradient of w is not finite"):
        empirical_fisher_diagonal(lambda: (layer(x) / 0).sum(1), own)
    with pytest.raises(MeasureError, match="over parameters: none was given"):
        squared_batch_gradient(lambda: layer(x).mean(), {})
