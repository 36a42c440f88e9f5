import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import (
    GradientSpace,
    WeightSpace,
    principal_of_gradient,
    principal_of_weight,
    subspace_overlap,
    top_of_hessian,
)
from harness.spectra.three_subspaces import PrincipalSpace


@pytest.fixture(scope="module")
def lemma():
    """GaLore's lemma 3.3 after 600 steps, recipe E1 of the sheet: loss, parameters, gradient at the start and at the end."""
    m, n, count = 12, 16, 4
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def positive(size):
        b = draw(size, size)
        return b @ b.T / size + 0.05 * torch.eye(size, dtype=torch.float64)

    a, b, c = zip(*((draw(m, n), positive(m), positive(n)) for _ in range(count)), strict=True)
    w = draw(m, n).requires_grad_()
    hessian = sum(torch.kron(bi, ci) for bi, ci in zip(b, c, strict=True)) / count
    rate = 1 / torch.linalg.eigvalsh(hessian)[-1]

    def loss():
        terms = ((w * (bi @ w @ ci)).sum() / 2 - (ai * w).sum() for ai, bi, ci in zip(a, b, c, strict=True))
        return sum(terms) / count

    seen = []
    for _ in range(600):
        (g,) = torch.autograd.grad(loss(), w)
        seen.append(g)
        with torch.no_grad():
            w -= rate * g
    return loss, {"w": w}, {"w": seen[0]}, {"w": seen[-1]}, hessian


def test_the_surviving_gradient_is_principal_and_flat(lemma):
    """Truth: the lemma. Late, one direction holds the gradient: the *smallest* eigenvector of the Hessian."""
    loss, parameters, early, late, hessian = lemma
    top = top_of_hessian(loss, parameters, 8)
    assert top.values.tolist() == pytest.approx(torch.linalg.eigvalsh(hessian).flip(0)[:8].tolist(), rel=1e-4)
    assert principal_of_gradient(late, 1).share(late)["w"] > 0.9 > 0.6 > principal_of_gradient(early, 1).share(early)["w"]
    assert top.share(early) > top.chance
    assert top.share(late) < 1e-6 * top.chance
    flattest = torch.linalg.eigh(hessian).eigenvectors[:, 0]
    cosine = (late["w"].flatten() @ flattest).abs() / late["w"].norm()
    assert cosine.item() > 0.95


def test_the_principal_space_of_that_gradient_is_not_steep(lemma):
    """Truth: the part of the Hessian's top that lies along it is below chance, along the top's own directions above."""
    loss, parameters, _, late, _ = lemma
    top = top_of_hessian(loss, parameters, 2)
    flat = principal_of_gradient(late, 2)
    steep = principal_of_gradient({"w": top.vectors["w"][0]}, 2)
    assert flat.steepness_in(top)["w"] < flat.chance()["w"] < 0.5 < steep.steepness_in(top)["w"]


def test_a_gradient_in_the_top_is_seen_there(generator):
    """Plant: Gur-Ari's case, a quadratic whose steep directions are four rows of the matrix, stepped on from afar."""
    w = torch.randn(16, 8, generator=generator, dtype=torch.float64).requires_grad_()
    steep = torch.ones(16, 1, dtype=torch.float64)
    steep[:4] = 20.0

    def loss():
        return (steep * w.square()).sum() / 2

    gradient = {"w": torch.autograd.grad(loss(), w)[0]}
    top = top_of_hessian(loss, {"w": w}, 32)
    assert top.share(gradient) > 0.98
    assert top.chance == 0.25
    assert principal_of_gradient(gradient, 4).steepness_in(top, "left")["w"] > 0.95 > 2 * 4 / 16
    # W itself knows nothing of it
    assert principal_of_weight({"w": w}, 4).steepness_in(top, "left")["w"] < 0.6


def test_shares_by_hand():
    """Truth: an update of four entries against diagonal weights."""
    weights = principal_of_weight({"w": torch.diag(torch.tensor([5.0, 4.0, 1.0]))}, 2)
    update = {"w": torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [4.0, 0.0, 10.0]])}
    assert weights.share(update)["w"] == pytest.approx(1 / 121)
    assert weights.share(update, "left")["w"] == pytest.approx(5 / 121)
    assert weights.share(update, "right")["w"] == pytest.approx(17 / 121)


@pytest.mark.parametrize("sides, chance", [("left", 4 / 32), ("right", 4 / 20), ("both", 16 / 640)])
def test_noise_reads_chance(sides, chance, generator):
    """Limit: isotropic updates against any space; mean of 100, five standard errors at most."""
    space = principal_of_weight({"w": torch.randn(32, 20, generator=generator)}, 4)
    assert space.chance(sides)["w"] == pytest.approx(chance)
    shares = torch.tensor([space.share({"w": torch.randn(32, 20, generator=generator)}, sides)["w"] for _ in range(100)])
    assert shares.mean().item() == pytest.approx(chance, abs=5 * shares.std().item() / 10)


def test_the_overlap_of_two_kinds_is_that_of_their_matrices(generator):
    """Truth: `subspace_overlap`."""
    g, w = ({"w": torch.randn(20, 12, generator=generator)} for _ in range(2))
    gradient, weight = principal_of_gradient(g, 3), principal_of_weight(w, 3)
    assert (type(gradient), type(weight)) == (GradientSpace, WeightSpace)
    assert all(issubclass(kind, PrincipalSpace) for kind in (GradientSpace, WeightSpace))
    for side in ("left", "right"):
        assert gradient.overlap(weight, side)["w"] == pytest.approx(subspace_overlap(g, w, 3, side)["w"])


def test_what_is_undefined_is_refused(lemma, generator):
    loss, parameters, early, _, _ = lemma
    space = principal_of_weight(parameters, 2)
    with pytest.raises(MeasureError, match="the weight of w is zero"):
        principal_of_weight({"w": torch.zeros(3, 3)}, 1)
    with pytest.raises(MeasureError, match="the gradient of w has rank 1: directions beyond are arbitrary"):
        principal_of_gradient({"w": torch.ones(3, 3)}, 2)
    with pytest.raises(MeasureError, match="unknown side 'up'"):
        space.share(early, "up")
    with pytest.raises(MeasureError, match="the direction of w is zero"):
        space.share({"w": torch.zeros(12, 16)})
    with pytest.raises(MeasureError, match="principal spaces of 2 and 1 directions"):
        space.overlap(principal_of_gradient(early, 1))
    with pytest.raises(MeasureError, match="v is no parameter of that Hessian"):
        principal_of_weight({"v": torch.eye(12)}, 1).steepness_in(top_of_hessian(loss, parameters, 1))
