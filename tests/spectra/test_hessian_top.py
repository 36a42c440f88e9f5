import pytest
import torch
from torch.nn import functional

from harness.errors import MeasureError
from harness.spectra import hessian_top, hvp


@pytest.fixture
def quadratic():
    """quadratic(values, seed) gives L = x^T H x / 2, H of those eigenvalues in a random frame: loss, parameters, H, frame."""

    def build(values, seed=0):
        generator = torch.Generator().manual_seed(seed)
        size = len(values)
        frame = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q
        hessian = (frame * torch.as_tensor(values, dtype=torch.float64)) @ frame.T
        half = size // 2
        x = torch.randn(size, generator=generator, dtype=torch.float64)
        parameters = {"m": x[:half].clone().requires_grad_(), "v": x[half:].clone().requires_grad_()}

        def loss():
            flat = torch.cat([parameters["m"], parameters["v"]])
            return flat @ hessian @ flat / 2

        return loss, parameters, hessian, frame

    return build


@pytest.fixture(scope="module")
def network():
    """A small classifier: loss, parameters by name, dense Hessian."""
    generator = torch.Generator().manual_seed(5)
    shapes = {"inner": (10, 6), "bias": (10,), "outer": (4, 10)}
    parameters = {
        n: (0.7 * torch.randn(s, generator=generator, dtype=torch.float64)).requires_grad_() for n, s in shapes.items()
    }
    y = torch.randint(0, 4, (60,), generator=generator)
    x = torch.randn(4, 6, generator=generator, dtype=torch.float64)[y] * 1.5 + torch.randn(60, 6, generator=generator).double()

    def output(inner, bias, outer):
        return functional.cross_entropy(torch.tanh(x @ inner.T + bias) @ outer.T, y)

    rows = torch.autograd.functional.hessian(output, tuple(parameters.values()))
    sizes = [p.numel() for p in parameters.values()]
    dense = torch.cat(
        [torch.cat([h.reshape(a, b) for h, b in zip(row, sizes, strict=True)], 1) for row, a in zip(rows, sizes, strict=True)]
    )
    return (lambda: output(*parameters.values())), parameters, dense


def flat(top):
    return torch.cat([v.flatten(1) for v in top.vectors.values()], 1).T


@pytest.mark.parametrize("which", ["algebraic", "magnitude"])
@pytest.mark.parametrize("k", [1, 5])
def test_a_network_agrees_with_its_dense_hessian(network, which, k):
    """Truth: eigh of the dense Hessian; values to residual^2 / gap, the space to residual / gap."""
    loss, parameters, dense = network
    values, vectors = torch.linalg.eigh(dense)
    order = (values if which == "algebraic" else values.abs()).argsort(descending=True)
    top = hessian_top(loss, parameters, k, which=which, tolerance=1e-7)
    torch.testing.assert_close(top.values, values[order[:k]], rtol=0, atol=1e-10)
    found = flat(top)
    torch.testing.assert_close(found.T @ found, torch.eye(k, dtype=torch.float64), rtol=0, atol=1e-12)
    assert (vectors[:, order[:k]].T @ found).square().sum().item() / k == pytest.approx(1.0, abs=1e-9)
    size = values[order] if which == "algebraic" else values[order].abs()
    assert top.gap == pytest.approx((size[k - 1] - size[k]).item(), rel=0.05)
    assert top.products < 80 < top.parameters == 110


def test_residuals_are_those_of_the_products(network):
    """Truth: |H v - theta v| by the dense Hessian, at a loose tolerance where they are not rounding."""
    loss, parameters, dense = network
    top = hessian_top(loss, parameters, 4, tolerance=1e-2)
    found = flat(top)
    truth = torch.linalg.vector_norm(dense @ found - found * top.values, dim=0)
    torch.testing.assert_close(top.residuals, truth, rtol=1e-6, atol=1e-12)
    assert (top.residuals <= 1e-2 * top.values[0]).all()
    # an eigenvalue lies within each residual
    exact = torch.linalg.eigvalsh(dense)
    assert all((exact - value).abs().min() <= r + 1e-12 for value, r in zip(top.values, top.residuals, strict=True))


def test_vectors_are_those_of_hvp(network):
    """Truth: the product of another module, on the shapes of the parameters."""
    loss, parameters, _ = network
    top = hessian_top(loss, parameters, 2, tolerance=1e-8)
    for i in (0, 1):
        product = hvp(loss, parameters, {name: v[i] for name, v in top.vectors.items()})
        for name, v in top.vectors.items():
            assert v[i].shape == parameters[name].shape
            torch.testing.assert_close(product[name], top.values[i] * v[i], rtol=0, atol=1e-7)


@pytest.mark.parametrize("copies", [2, 3, 5])
@pytest.mark.parametrize("block", [1, 2])
def test_repeated_eigenvalues_are_all_found(quadratic, copies, block):
    """Trap: one Krylov space holds one copy of each eigenvalue, and its residuals say nothing of it."""
    loss, parameters, _, frame = quadratic([5.0] * copies + torch.linspace(3, 0, 60 - copies).tolist())
    top = hessian_top(loss, parameters, copies, block=block)
    assert top.values.tolist() == pytest.approx([5.0] * copies, abs=1e-6)
    assert (frame[:, :copies].T @ flat(top)).square().sum().item() == pytest.approx(copies, abs=1e-5)
    assert top.gap == pytest.approx(2.0, abs=0.1)


def test_two_distinct_values_are_not_all_there_is(quadratic):
    """Trap: H = diag(5, 5, 1, ..., 1) closes after two steps of one column with 5 and 1."""
    loss, parameters, _, _ = quadratic([5.0, 5.0] + [1.0] * 18)
    assert hessian_top(loss, parameters, 2, block=1).values.tolist() == pytest.approx([5.0, 5.0], abs=1e-9)


def test_every_direction_of_an_isotropic_bowl(quadratic):
    """Limit: H = 3 I, where each start is an invariant space, at k = P; and a loss without curvature."""
    loss, parameters, _, _ = quadratic([3.0] * 8)
    top = hessian_top(loss, parameters, 8)
    assert top.values.tolist() == pytest.approx([3.0] * 8)
    assert top.gap is None
    line = {"w": torch.ones(3, dtype=torch.float64, requires_grad=True)}
    assert hessian_top(lambda: line["w"].sum(), line, 2).values.tolist() == [0.0, 0.0]


def test_negative_curvature_is_at_the_other_end(quadratic):
    loss, parameters, _, _ = quadratic([-9.0, 4.0, *torch.linspace(1, -1, 18).tolist()])
    assert hessian_top(loss, parameters, 1).values.tolist() == pytest.approx([4.0])
    assert hessian_top(loss, parameters, 2, which="magnitude").values.tolist() == pytest.approx([-9.0, 4.0])


def test_share_is_one_inside_zero_outside_and_chance_for_noise(quadratic, generator):
    """Truth and limit: directions of the frame, and 400 random ones (k / P = .1, five standard errors)."""
    loss, parameters, _, frame = quadratic([10.0, 9.0, 8.0, 7.0] + torch.linspace(1, 0, 36).tolist())
    top = hessian_top(loss, parameters, 4, tolerance=1e-8)

    def named(x):
        return {"m": x[:20], "v": x[20:]}

    assert top.share(named(frame[:, 0] - 2 * frame[:, 3])) == pytest.approx(1.0)
    assert top.share(named(frame[:, 7])) == pytest.approx(0.0, abs=1e-9)
    assert top.share(named(frame[:, 2] + frame[:, 9])) == pytest.approx(0.5)
    assert top.chance == 0.1
    noise = [top.share(named(torch.randn(40, generator=generator))) for _ in range(400)]
    assert sum(noise) / 400 == pytest.approx(0.1, abs=5 * (2 * 0.1 * 0.9 / 42) ** 0.5 / 20)


def test_two_seeds_agree_where_there_is_a_gap(quadratic):
    loss, parameters, _, _ = quadratic([10.0, 9.0, 8.0] + torch.linspace(1, 0, 37).tolist())
    first, again, second = (hessian_top(loss, parameters, 3, seed=seed, tolerance=1e-6) for seed in (0, 0, 1))
    assert torch.equal(flat(first), flat(again))
    assert first.overlap(second) == pytest.approx(1.0, abs=1e-6)
    other, moved, _, _ = quadratic([10.0, 9.0, 8.0] + torch.linspace(1, 0, 37).tolist(), seed=9)
    assert first.overlap(hessian_top(other, moved, 3)) < 0.5  # chance 3 / 40


def test_fp32_parameters_reach_the_tolerance(network):
    _, parameters, _ = network
    single = {name: p.detach().float().requires_grad_() for name, p in parameters.items()}
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(50, 6, generator=generator)

    def output():
        return functional.softplus(torch.tanh(x @ single["inner"].T + single["bias"]) @ single["outer"].T).mean()

    top = hessian_top(output, single, 3)
    assert (top.residuals <= 1e-4 * top.values[0]).all()
    assert all(v.dtype == torch.float64 for v in top.vectors.values())


def test_a_hessian_of_part_of_the_parameters(network):
    """Truth: the diagonal block of that part alone."""
    loss, parameters, dense = network
    top = hessian_top(loss, {"outer": parameters["outer"]}, 2, tolerance=1e-8)
    assert top.values.tolist() == pytest.approx(torch.linalg.eigvalsh(dense[-40:, -40:]).flip(0)[:2].tolist(), abs=1e-9)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # theirs
def test_curvlinops_has_the_same_top(network):
    """Oracle: f-dangel/curvlinops' operator and scipy's ARPACK, where they are installed."""
    curvlinops = pytest.importorskip("curvlinops")
    sparse = pytest.importorskip("scipy.sparse.linalg")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 12), torch.nn.Tanh(), torch.nn.Linear(12, 3)).double()
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(40, 8, generator=generator).double(), torch.randint(0, 3, (40,), generator=generator)
    parameters = dict(model.named_parameters())
    criterion = torch.nn.CrossEntropyLoss()
    theirs = curvlinops.HessianLinearOperator(model, criterion, list(model.parameters()), [(x, y)]).to_scipy()
    values = sparse.eigsh(theirs, k=5, which="LA", return_eigenvectors=False)[::-1]
    mine = hessian_top(lambda: criterion(model(x), y), parameters, 5, tolerance=1e-7)
    assert mine.values.tolist() == pytest.approx(values.tolist(), rel=1e-6)


def test_what_is_undefined_is_refused(network, quadratic):
    loss, parameters, _ = network
    with pytest.raises(MeasureError, match="k = 111 eigenvectors in blocks of 2 of 110 parameters"):
        hessian_top(loss, parameters, 111)
    with pytest.raises(MeasureError, match="unknown end 'smallest'"):
        hessian_top(loss, parameters, 1, which="smallest")
    with pytest.raises(MeasureError, match="the loss does not depend on the parameters"):
        hessian_top(lambda: torch.ones(()), parameters, 1)
    with pytest.raises(MeasureError, match="over parameters: none was given"):
        hessian_top(loss, {}, 1)
    bad = {"w": torch.zeros(3, requires_grad=True)}
    with pytest.raises(MeasureError, match="a Hessian-vector product is not finite"):
        hessian_top(lambda: bad["w"].abs().pow(1.5).sum(), bad, 1)
    bulk, own, _, _ = quadratic(torch.linspace(1, 0.9, 400).tolist())
    with pytest.raises(MeasureError, match="the top 5 of a Hessian of 400 parameters did not settle: after 20 products"):
        hessian_top(bulk, own, 5, tolerance=1e-6, max_products=20)
    top = hessian_top(loss, parameters, 2)
    with pytest.raises(MeasureError, match="the direction is zero or not finite"):
        top.share({name: torch.zeros_like(p) for name, p in parameters.items()})
    with pytest.raises(MeasureError, match="inner is on one side only"):
        top.share({"bias": parameters["bias"], "outer": parameters["outer"]})
    with pytest.raises(MeasureError, match="top spaces of 2 and 1 directions"):
        top.overlap(hessian_top(loss, parameters, 1))
