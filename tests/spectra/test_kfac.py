import pytest
import torch
from torch import nn
from torch.nn import functional

from harness.errors import MeasureError
from harness.spectra import factor_rank, kfac_alignment, kfac_factors, linear_layers


def double(*shape, generator):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def crossed(inputs, residuals):
    """Every input with every residual: the two are independent exactly, not on average."""
    return inputs.repeat_interleave(len(residuals), 0), residuals.repeat(len(inputs), 1)


@pytest.fixture
def regression(generator):
    """y = W x with half squared errors: layer, inputs (6, 4)."""
    layer = nn.Linear(4, 3, bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(double(3, 4, generator=generator))
    return layer, double(6, 4, generator=generator)


def test_it_is_the_hessian_of_linear_regression(regression):
    """Truth: the dense Hessian of the mean loss. Labels of the model: residuals +- sqrt(3) e_j, second moment I."""
    layer, x = regression
    noise = 3**0.5 * torch.cat([torch.eye(3), -torch.eye(3)]).double()
    inputs, residuals = crossed(x, noise)
    labels = (layer(inputs) + residuals).detach()
    factors = kfac_factors({"w": layer}, lambda: (layer(inputs) - labels).square().sum(1) / 2)["w"]
    torch.testing.assert_close(factors.G, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-12)
    hessian = torch.autograd.functional.hessian(lambda w: (x @ w.T - 1.0).square().sum(1).mean() / 2, layer.weight.detach())
    torch.testing.assert_close(factors.block(), hessian.reshape(12, 12), rtol=0, atol=1e-12)
    assert factors.rows == 36


def per_example(layer, inputs, labels):
    """Squared gradients' second moment, (mn, mn), example by example."""
    rows = []
    for x, y in zip(inputs, labels, strict=True):
        rows.append(torch.autograd.grad((layer(x) - y).square().sum() / 2, layer.weight)[0].flatten())
    g = torch.stack(rows)
    return g.T @ g / len(g)


def test_it_is_the_empirical_fisher_where_residuals_do_not_know_the_inputs(regression, generator):
    """Truth: brute force over examples; and not where they do."""
    layer, x = regression
    inputs, residuals = crossed(x, double(5, 3, generator=generator))
    for given, exact in ((residuals, True), (residuals * inputs[:, :1], False)):
        labels = (layer(inputs) + given).detach()
        factors = kfac_factors({"w": layer}, lambda labels=labels: (layer(inputs) - labels).square().sum(1) / 2)["w"]
        truth = per_example(layer, inputs, labels)
        gap = (factors.block() - truth).norm() / truth.norm()
        assert gap < 1e-12 if exact else gap > 0.05


def test_factors_of_a_network_by_hand(generator):
    """Truth: inputs and per-example output gradients of both layers, written out."""
    model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    x, y = double(20, 5, generator=generator), torch.randint(0, 3, (20,), generator=generator)
    found = kfac_factors(linear_layers(model), lambda: functional.cross_entropy(model(x), y, reduction="none"))
    assert list(found) == ["0", "2"]
    hidden = torch.tanh(model[0](x)).detach()
    top = model[2](hidden).softmax(1).detach() - functional.one_hot(y, 3)
    below = top @ model[2].weight.detach() * (1 - hidden.square())
    for name, a, g in (("0", x, below), ("2", hidden, top)):
        torch.testing.assert_close(found[name].A, a.T @ a / 20, rtol=0, atol=1e-13)
        torch.testing.assert_close(found[name].G, g.T @ g / 20, rtol=0, atol=1e-13)
    assert all(p.grad is None for p in model.parameters())
    halves = [
        lambda part=part: functional.cross_entropy(model(x[part]), y[part], reduction="none")
        for part in (slice(0, 7), slice(7, 20))
    ]
    split = kfac_factors(linear_layers(model), halves)
    for name in found:
        torch.testing.assert_close(split[name].G, found[name].G, rtol=0, atol=1e-13)


def test_tokens_are_rows_and_a_layer_used_twice_counts_twice(regression, generator):
    """Truth: (B, T, n) is (B T, n); two calls are the mean over the rows of both."""
    layer, _ = regression
    x = double(4, 5, 4, generator=generator)
    one = kfac_factors({"w": layer}, lambda: layer(x).square().sum(-1) / 2)["w"]
    flat = kfac_factors({"w": layer}, lambda: layer(x.flatten(0, 1)).square().sum(-1) / 2)["w"]
    twice = kfac_factors({"w": layer}, lambda: (layer(x[:2]).square() + layer(x[2:]).square()).sum(-1) / 2)["w"]
    assert one.rows == flat.rows == twice.rows == 20
    for other in (flat, twice):
        torch.testing.assert_close(other.A, one.A, rtol=0, atol=1e-13)
        torch.testing.assert_close(other.G, one.G, rtol=0, atol=1e-13)


def test_quadratic_form_and_values_are_those_of_the_block(regression, generator):
    """Truth: the dense Kronecker product."""
    layer, x = regression
    factors = kfac_factors({"w": layer}, lambda: layer(x).square().sum(1) / 2)["w"]
    d = double(3, 4, generator=generator)
    assert factors.quadratic(d) == pytest.approx((d.flatten() @ factors.block() @ d.flatten()).item(), rel=1e-12)
    assert factors.values(12).tolist() == pytest.approx(torch.linalg.eigvalsh(factors.block()).flip(0).tolist(), abs=1e-10)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # theirs
def test_curvlinops_has_the_same_blocks(generator):
    """Oracle: f-dangel/curvlinops' K-FAC of the empirical Fisher, where it is installed."""
    curvlinops = pytest.importorskip("curvlinops")
    model = nn.Sequential(nn.Linear(5, 6, bias=False), nn.Tanh(), nn.Linear(6, 3, bias=False)).double()
    x, y = double(30, 5, generator=generator), torch.randint(0, 3, (30,), generator=generator)
    parameters = list(model.parameters())
    options = {"fisher_type": "empirical", "kfac_approx": "expand"}
    theirs = curvlinops.KFACLinearOperator(model, nn.CrossEntropyLoss(), parameters, [(x, y)], **options)
    mine = kfac_factors(linear_layers(model), lambda: functional.cross_entropy(model(x), y, reduction="none"))
    dense = theirs @ torch.eye(sum(p.numel() for p in parameters), dtype=torch.float64)
    torch.testing.assert_close(torch.block_diag(*(f.block() for f in mine.values())), dense, rtol=1e-9, atol=1e-12)


def test_ranks_and_alignment_follow_a_plant(generator):
    """Plant: inputs and signals in four directions each, so the gradient of a fresh batch; even ones: chance, full rank."""
    m, n, k = 24, 16, 4
    layer = nn.Linear(n, m, bias=False).double()
    q, p = (torch.linalg.qr(double(size, k, generator=generator)).Q for size in (n, m))

    def batch(narrow):
        x, e = double(400, n, generator=generator), double(400, m, generator=generator)
        x, e = (x @ q @ q.T + 0.005 * x, e @ p @ p.T + 0.005 * e) if narrow else (x, e)
        return (lambda: (layer(x) * e).sum(1)), e.T @ x

    for narrow in (True, False):
        (losses, _), (_, gradient) = batch(narrow), batch(narrow)
        factors = kfac_factors({"w": layer}, losses)
        found = kfac_alignment({"w": gradient}, factors, k)
        assert (found.left_chance["w"], found.right_chance["w"]) == (k / m, k / n)
        rank = factor_rank(factors)["w"]
        if narrow:
            assert min(found.left["w"], found.right["w"]) > 0.9
            assert rank == pytest.approx(k, rel=0.1)
        else:
            assert max(found.left["w"], found.right["w"]) < 0.6
            assert rank == pytest.approx((m * n) ** 0.5, rel=0.05)


def test_what_is_undefined_is_refused(regression, generator):
    layer, x = regression
    with pytest.raises(MeasureError, match="need one loss per example: give them without reduction"):
        kfac_factors({"w": layer}, lambda: layer(x).square().mean())
    with pytest.raises(MeasureError, match="the layer other did not run in this batch"):
        kfac_factors({"w": layer, "other": nn.Linear(2, 2)}, lambda: layer(x).sum(1))
    frozen = nn.Linear(4, 3).double().requires_grad_(False)
    with pytest.raises(MeasureError, match="no gradient reaches w"):
        kfac_factors({"w": frozen}, lambda: frozen(x).sum(1))
    with pytest.raises(MeasureError, match="at least one linear layer and one batch"):
        kfac_factors({}, lambda: x)
    with pytest.raises(MeasureError, match="the inputs or gradients of w are not finite"):
        kfac_factors({"w": layer}, lambda: layer(x / 0).sum(1))
    factors = kfac_factors({"w": layer}, lambda: layer(x).square().sum(1))
    with pytest.raises(MeasureError, match=r"w has no factors of its shape \(4, 3\)"):
        kfac_alignment({"w": torch.ones(4, 3)}, factors, 1)
    with pytest.raises(MeasureError, match="k = 13 eigenvalues of a block of 12"):
        factors["w"].values(13)
    assert not layer._forward_hooks
