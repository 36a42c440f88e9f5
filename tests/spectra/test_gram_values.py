import pytest
import torch

from harness.spectra.gram_values import ROWS, gram, gram_values

SHAPES = [(7, 5), (5, 7), (1, 9), (9, 1), (300, 200), (ROWS + 3, 40)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16], ids=str)
def test_values_are_those_of_the_svd(shape, stored, generator):
    w = torch.randn(shape, generator=generator).to(stored)
    truth = torch.linalg.svdvals(w.double())
    assert torch.allclose(gram_values(w), truth, rtol=0, atol=1e-7 * truth[0].item())
    assert torch.allclose(gram_values(w, torch.float32), truth, rtol=0, atol=2e-3 * truth[0].item())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_lower_triangle_is_that_of_the_product(shape, generator):
    w = torch.randn(shape, generator=generator)
    wide = w.double() if shape[0] >= shape[1] else w.double().T
    assert torch.allclose(gram(w).tril(), (wide.T @ wide).tril(), rtol=0, atol=1e-10 * shape[0])


def test_a_shift_survives_fp32_better_than_the_values_do(noisy):
    change = noisy(900, 700, 1e-3)
    w0 = change.base["w"]
    w1 = (w0 + change.update["w"]).float()
    true, rough = (gram_values(w1, dtype) - gram_values(w0, dtype) for dtype in (torch.float64, torch.float32))
    assert torch.linalg.vector_norm(rough).item() == pytest.approx(torch.linalg.vector_norm(true).item(), rel=0.05)
