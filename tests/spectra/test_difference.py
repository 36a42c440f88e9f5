import pytest
import torch

from harness.spectra.difference import difference, norm


@pytest.mark.parametrize("kinds", [(torch.bfloat16, torch.bfloat16), (torch.float32, torch.bfloat16), (torch.float16, torch.float64)], ids=str)
def test_it_is_the_exact_difference_rounded_once(kinds, generator):
    w0, w1 = (torch.randn(9000, 17, generator=generator).to(kind) for kind in kinds)
    assert torch.equal(difference(w0, w1), (w1.double() - w0.double()).float())


def test_a_norm_is_summed_in_fp64(generator):
    w = torch.randn(30001, 5, generator=generator).bfloat16()
    assert norm(w) == pytest.approx(w.double().norm().item(), rel=1e-12)
