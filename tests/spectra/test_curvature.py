import pytest
import torch
from torch import nn
from torch.nn import functional

from harness.errors import MeasureError
from harness.spectra import Frame
from harness.spectra.curvature import SUBSPACES, directional_curvature, hvp, subspace_direction, summarise


@pytest.fixture
def quadratic(generator):
    """L = x^T A x / 2 + b^T x over two parameters, with its Hessian A (12, 12) fp64."""
    a = torch.randn(12, 12, generator=generator).double()
    hessian, linear = a + a.T, torch.randn(12, generator=generator).double()
    parameters = {
        "m": torch.randn(2, 4, generator=generator).double().requires_grad_(),
        "v": torch.randn(4, generator=generator).double().requires_grad_(),
    }

    def loss():
        x = torch.cat([parameters["m"].flatten(), parameters["v"]])
        return x @ hessian @ x / 2 + linear @ x

    return loss, parameters, hessian


def drawn_like(parameters, generator):
    return {name: torch.randn(p.shape, generator=generator).double() for name, p in parameters.items()}


def test_hvp_is_the_product_with_the_hessian(quadratic, generator):
    """Truth: a quadratic, whose Hessian is written down."""
    loss, parameters, hessian = quadratic
    direction = drawn_like(parameters, generator)
    product = hvp(loss, parameters, direction)
    flat = torch.cat([direction["m"].flatten(), direction["v"]])
    found = torch.cat([product["m"].flatten(), product["v"]])
    torch.testing.assert_close(found, hessian @ flat, rtol=0, atol=1e-13)
    assert all(p.grad is None for p in parameters.values())


def test_names_left_out_of_a_direction_are_zero(quadratic, generator):
    loss, parameters, _ = quadratic
    v = torch.randn(4, generator=generator).double()
    alone = hvp(loss, parameters, {"v": v})
    padded = hvp(loss, parameters, {"m": torch.zeros(2, 4).double(), "v": v})
    assert all(torch.equal(alone[name], padded[name]) for name in parameters)


def test_curvature_of_an_eigenvector_is_its_eigenvalue(quadratic):
    """Truth: the Rayleigh quotient at every eigenvector, whatever its length and sign."""
    loss, parameters, hessian = quadratic
    values, vectors = torch.linalg.eigh(hessian)
    directions = {str(i): {"m": -3 * v[:8].view(2, 4), "v": -3 * v[8:]} for i, v in enumerate(vectors.T)}
    found = directional_curvature([loss], parameters, directions)
    assert [c.mean for c in found.values()] == pytest.approx(values.tolist(), abs=1e-12)
    assert all(c.standard_error is None for c in found.values())


def test_a_network_agrees_with_its_explicit_hessian(generator):
    """Truth: torch.autograd.functional.hessian of a two-layer network with softmax cross-entropy."""
    shapes = {"inner": (6, 5), "outer": (3, 6)}
    parameters = {n: torch.randn(s, generator=generator).double().requires_grad_() for n, s in shapes.items()}
    x, y = torch.randn(20, 5, generator=generator).double(), torch.randint(0, 3, (20,), generator=generator)

    def output(inner, outer):
        return functional.cross_entropy(torch.tanh(x @ inner.T) @ outer.T, y)

    explicit = torch.autograd.functional.hessian(output, tuple(parameters.values()))
    hessian = torch.cat([torch.cat([h.flatten(2).flatten(0, 1) for h in row], 1) for row in explicit])
    direction = drawn_like(parameters, generator)
    flat = torch.cat([d.flatten() for d in direction.values()])
    found = directional_curvature([lambda: output(*parameters.values())], parameters, {"d": direction})["d"]
    assert found.mean == pytest.approx((flat @ hessian @ flat / flat.square().sum()).item(), abs=1e-12)


def test_fused_attention_has_a_second_derivative_too(generator):
    """Truth: central differences of a tiny transformer's gradient. transformers' norms compute in fp32, so gradients near .05 are
    rounded to some 5e-9; over a step of 2e-3 that is 3e-6 an entry, against products whose entries are near 1e-3."""
    from harness.models import tiny
    from harness.training.runs import projections

    model = tiny.build(seed=1).model.double()
    parameters = projections(dict(model.named_parameters()))
    ids = torch.randint(3, 15, (4, 10), generator=generator)

    def loss():
        return functional.cross_entropy(model(ids).logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())

    direction = subspace_direction(parameters, "random", generator)

    def gradient(shift):
        with torch.no_grad():
            for name, p in parameters.items():
                p += shift * direction[name]
        found = torch.autograd.grad(loss(), list(parameters.values()))
        with torch.no_grad():
            for name, p in parameters.items():
                p -= shift * direction[name]
        return found

    ahead, behind = gradient(1e-3), gradient(-1e-3)
    product = hvp(loss, parameters, direction)
    for found, a, b in zip(product.values(), ahead, behind, strict=True):
        assert (found - (a - b) / 2e-3).norm() < 1e-2 * found.norm()


def test_standard_errors_count_minibatches(quadratic, generator):
    """Truth: losses c L have curvatures c times L's; mean and standard error of those."""
    loss, parameters, _ = quadratic
    factors = [1.0, 2.0, 4.0, 9.0]
    direction = {"d": drawn_like(parameters, generator)}
    one = directional_curvature([loss], parameters, direction)["d"].mean
    found = directional_curvature([lambda c=c: c * loss() for c in factors], parameters, direction)["d"]
    assert found.values == pytest.approx([c * one for c in factors], rel=1e-12)
    assert found.mean == pytest.approx(4 * one, rel=1e-12)
    assert found.standard_error == pytest.approx(abs(one) * (38 / 3 / 4) ** 0.5, rel=1e-12)
    assert summarise([3.0]) == ((3.0,), 3.0, None)


def test_directions_lie_in_their_subspaces_with_norm_one(weights, generator):
    base = {"square": weights(16, 16), "wide": weights(8, 24)}
    for which in SUBSPACES:
        for name, d in subspace_direction(base, which, generator, k=2).items():
            frame = Frame.of(base[name])
            inside = frame.U[:, :2] @ (frame.U[:, :2].T @ d @ frame.V[:, :2]) @ frame.V[:, :2].T
            assert torch.linalg.vector_norm(d).item() == pytest.approx(1.0, abs=1e-14)
            left, right = (frame.U[:, :2].T @ d).norm(), (d @ frame.V[:, :2]).norm()
            if which == "principal":
                torch.testing.assert_close(inside, d, rtol=0, atol=1e-14)
            if which == "complement":
                assert max(left, right) < 1e-14
            if which == "random":
                assert 0 < inside.norm() < 1


def test_principal_directions_are_found_where_they_are_steep(weights, generator):
    """Plant: a loss that is steep along the leading left and right directions of its weight alone."""
    w = weights(24, 24).double().requires_grad_()
    frame = Frame.of(w.detach())
    k = 3

    def loss():
        return (frame.U[:, :k].T @ w @ frame.V[:, :k]).square().sum() / 2 * 50

    directions = {which: subspace_direction({"w": w}, which, generator, k=k) for which in SUBSPACES}
    found = directional_curvature([loss], {"w": w}, directions)
    assert found["principal"].mean == pytest.approx(50.0, rel=1e-12)
    assert found["complement"].mean == pytest.approx(0.0, abs=1e-12)
    assert 0 < found["random"].mean < 50 * 0.2  # expected 50 k^2 / mn = .8


def test_a_loss_linear_in_the_weights_has_no_curvature(generator):
    w = torch.randn(3, 3, generator=generator).requires_grad_()
    found = directional_curvature([lambda: w.sum()], {"w": w}, {"d": {"w": torch.ones(3, 3)}})
    assert found["d"].mean == 0.0


def test_what_is_undefined_is_refused(quadratic, weights, generator):
    loss, parameters, _ = quadratic
    with pytest.raises(MeasureError, match="needs at least one minibatch"):
        directional_curvature([], parameters, {})
    with pytest.raises(MeasureError, match="the direction 'd' is zero"):
        directional_curvature([loss], parameters, {"d": {"v": torch.zeros(4)}})
    with pytest.raises(MeasureError, match=r"the direction's v is no parameter of shape \(5,\)"):
        hvp(loss, parameters, {"v": torch.zeros(5)})
    with pytest.raises(MeasureError, match="the loss does not depend on the parameters"):
        hvp(lambda: torch.ones(()), parameters, {"v": torch.zeros(4)})
    with pytest.raises(MeasureError, match="unknown subspace 'top'"):
        subspace_direction({"w": weights(4, 4)}, "top", generator)
    with pytest.raises(MeasureError, match="w has no direction outside its 4 leading ones"):
        subspace_direction({"w": weights(4, 8)}, "complement", generator, k=4)


def test_a_frozen_model_is_refused():
    frozen = nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(MeasureError, match="does not depend on the parameters"):
        hvp(lambda: frozen(torch.ones(2)).sum(), dict(frozen.named_parameters()), {})
