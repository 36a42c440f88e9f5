"""Isotropic noise as two released checkpoints would show it: base and noisy weights both stored in bf16.

The null of spectral statements about checkpoints on disk. The norm is matched before the cast, on what training would
have done in fp32; rounding then changes it: on Gaussian weights of the bf16 grid .82 of it is left at relative size
1e-3. The base is rounded too: what was stored is what is compared, and on a bf16 base that changes nothing.
"""

from dataclasses import replace

import torch

from harness.nulls.isotropic import isotropic
from harness.spectra.change import Change, Changed


def gated_isotropic(change: Changed, generator: torch.Generator, dtype: str = "bf16") -> Change:
    """Noise of the same norm, in every matrix and snapshot, after rounding to a storage format."""
    seen = isotropic(change, generator).seen_in(dtype)
    return replace(seen, label="null:gated_isotropic")
