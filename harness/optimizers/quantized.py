"""A projector in 4 or 8 bits.

    in groups of 256 entries:  q = round((x - low) / width),  width = (high - low) / (2^bits - 1);   x ~ low + q width

so no entry is off by more than half a width. Two 4-bit codes share a byte.
Source: Q-GaLore 2407.08296, Sec. 3.3 (P in INT4, groups of 256). Its 8-bit weights, 8-bit Adam and lazy refreshes are not here.
Trap: what is read back is not orthonormal: P^T P is off by about 1 % at 4 bits and r = 16, and P P^T is no projection.
"""

from typing import NamedTuple

import torch
from torch import Tensor

GROUP = 256


class Codes(NamedTuple):
    """codes (bytes,) uint8; low and width, one per group."""

    codes: Tensor
    low: Tensor
    width: Tensor


def quantize(matrix: Tensor, bits: int) -> Codes:
    """Codes of a matrix, fp32 or fp64, of any shape."""
    flat = matrix.flatten()
    padded = torch.cat([flat, flat[-1:].expand(-len(flat) % GROUP)]).view(-1, GROUP)
    low, high = padded.aminmax(dim=1)
    width = (high - low) / (2**bits - 1)
    codes = ((padded - low[:, None]) / width.clamp(min=torch.finfo(flat.dtype).tiny)[:, None]).round_().to(torch.uint8)
    codes = codes.flatten()[: len(flat) + len(flat) % 2]
    return Codes(codes[::2] | (codes[1::2] << 4) if bits == 4 else codes[: len(flat)].clone(), low, width)


def dequantize(stored: Codes, shape: tuple[int, int], bits: int) -> Tensor:
    """The matrix that codes stand for, in the dtype of `low`."""
    count = shape[0] * shape[1]
    codes = stored.codes
    if bits == 4:
        codes = torch.stack([codes & 15, codes >> 4], dim=1).flatten()
    group = torch.arange(count, device=codes.device) // GROUP
    return (stored.low[group] + codes[:count].to(stored.low.dtype) * stored.width[group]).view(shape)
