import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import captured_by, captured_energy, energy_curve


def test_energy_of_a_known_spectrum():
    """Truth: by hand, of 4, 2, 2, 1."""
    g = {"w": torch.diag(torch.tensor([2.0, 4.0, 1.0, 2.0]))}
    shares = [captured_energy(g, k).share["w"] for k in (1, 2, 3, 4)]
    assert shares == pytest.approx([16 / 25, 20 / 25, 24 / 25, 1.0], rel=1e-12)
    curve = energy_curve(g, (0.25, 0.5, 1.0))
    assert [point.k["w"] for point in curve] == [1, 2, 4]
    assert [point.share["w"] for point in curve] == pytest.approx([shares[0], shares[1], 1.0])


@pytest.mark.parametrize("m, n", [(64, 64), (192, 64), (64, 192)])
def test_noise_reads_its_chance_by_shape(m, n, generator):
    """Limit: a quarter of the directions hold .62 or .46 of noise, not .25."""
    found = captured_energy({"w": torch.randn(m, n, generator=generator)})
    assert found.k["w"] == 16
    assert found.chance["w"] == pytest.approx(0.623 if m == n else 0.456, abs=1e-3)
    assert found.share["w"] == pytest.approx(found.chance["w"], abs=5 * 0.006)


def test_energy_in_anothers_directions(generator):
    """Truth: by hand; a matrix in its own directions holds E(k), in those of a permuted one what lies there."""
    g = {"w": torch.diag(torch.tensor([4.0, 2.0, 1.0]))}
    other = {"w": torch.diag(torch.tensor([1.0, 2.0, 4.0]))}
    assert captured_by(g, g, 2).share["w"] == pytest.approx(captured_energy(g, 2).share["w"])
    assert captured_by(g, other, 1).share["w"] == pytest.approx(1 / 21)
    column = {"w": torch.tensor([[0.0, 3.0], [0.0, 4.0], [0.0, 0.0]])}
    row = {"w": torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])}
    assert captured_by(column, row, 1, "right").share["w"] == pytest.approx(1.0)
    assert captured_by(column, row, 1, "left").share["w"] == pytest.approx(9 / 25)


@pytest.mark.parametrize("side, chance", [("left", 8 / 96), ("right", 8 / 64)])
def test_independent_noise_reads_chance(side, chance, generator):
    """Limit: five standard errors of a share of k n chi-squares."""
    g, r = ({"w": torch.randn(96, 64, generator=generator)} for _ in range(2))
    found = captured_by(g, r, 8, side)
    assert found.chance["w"] == pytest.approx(chance)
    assert found.share["w"] == pytest.approx(chance, rel=5 * (2 / (8 * 64)) ** 0.5)


def test_what_is_undefined_is_refused(generator):
    g = {"w": torch.randn(6, 4, generator=generator)}
    with pytest.raises(MeasureError, match="k = 5 leading directions of a matrix that has 4"):
        captured_energy(g, 5)
    with pytest.raises(MeasureError, match="v is on one side only"):
        captured_by(g, {"v": g["w"]}, 1)
    with pytest.raises(MeasureError, match="unknown side 'both'"):
        captured_by(g, g, 1, "both")
    with pytest.raises(MeasureError, match="the gradient of w is zero"):
        captured_energy({"w": torch.zeros(3, 3)})
