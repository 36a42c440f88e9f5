import pytest
import torch

from harness.spectra.operator_norm import operator_norm_bound

SHAPES = [(1, 1), (1, 9), (9, 1), (40, 40), (60, 25), (25, 60)]


def hard_case(kind: str, m: int, n: int, generator: torch.Generator) -> torch.Tensor:
    noise = torch.randn(m, n, generator=generator)
    if kind == "rank one":
        return noise[:, :1] @ noise[:1]
    if kind == "equal values":
        return torch.linalg.qr(noise if m >= n else noise.T).Q.reshape(m, n)
    one_row = torch.zeros(m, n)
    one_row[0] = 1.0
    return {"noise": noise, "tiny": 1e-35 * noise, "ones": torch.ones(m, n), "one row": one_row}[kind]


@pytest.mark.parametrize("kind", ["noise", "rank one", "equal values", "tiny", "ones", "one row"])
@pytest.mark.parametrize("m, n", SHAPES)
def test_it_is_never_below_the_largest_singular_value_and_little_above(m, n, kind, generator):
    """Truth: LAPACK, over ten starts."""
    matrix = hard_case(kind, m, n, generator)
    truth = torch.linalg.matrix_norm(matrix.double(), 2).item()
    for seed in range(10):
        for wide in (matrix, matrix.double()):
            assert truth * (1 - 1e-12) <= operator_norm_bound(wide, seed) <= 1.1548 * truth


def test_limits(generator):
    """A rank-one matrix meets its Frobenius norm; nothing has the norm 0; a seed repeats."""
    assert operator_norm_bound(torch.zeros(3, 4)) == 0.0
    one = torch.randn(30, 1, generator=generator) @ torch.randn(1, 20, generator=generator)
    assert operator_norm_bound(one) == pytest.approx(torch.linalg.vector_norm(one.double()).item(), rel=1e-12)
    noise = torch.randn(30, 20, generator=generator)
    assert operator_norm_bound(noise, 3) == operator_norm_bound(noise, 3)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12], ids="scale={:g}".format)
def test_it_scales_with_the_matrix(scale, generator):
    noise = torch.randn(30, 20, generator=generator)
    assert operator_norm_bound(scale * noise) == pytest.approx(scale * operator_norm_bound(noise), rel=1e-5)
