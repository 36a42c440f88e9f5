import pytest
import torch
from harness.optimizers.quantized import dequantize, quantize


@pytest.mark.parametrize("bits", [4, 8], ids="bits={}".format)
@pytest.mark.parametrize("shape", [(16, 16), (33, 7), (1, 1), (100, 41)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_no_entry_is_off_by_more_than_half_a_width(shape, bits):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    stored = quantize(matrix, bits)
    assert stored.codes.dtype == torch.uint8 and stored.codes.numel() == -(-matrix.numel() * bits // 8)
    back = dequantize(stored, shape, bits)
    half = stored.width.repeat_interleave(256)[: matrix.numel()].view(shape) / 2
    assert ((back - matrix).abs() <= half * (1 + 1e-9) + 1e-15).all()


def test_constant_groups_are_kept_exactly():
    matrix = torch.full((20, 20), 0.3)
    assert torch.equal(dequantize(quantize(matrix, 4), (20, 20), 4), matrix)


def test_a_basis_in_four_bits_is_nearly_orthonormal():
    basis = torch.linalg.qr(torch.randn(256, 16, generator=torch.Generator().manual_seed(0))).Q
    off = {}
    for bits in (4, 8):
        p = dequantize(quantize(basis, bits), (256, 16), bits)
        off[bits] = ((p.T @ p - torch.eye(16)).norm() / 4).item()
    assert off[8] < 0.01 < off[4] < 0.2
