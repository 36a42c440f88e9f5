"""Nulls (updates without the learning signal), plants (updates with the effect put in), and arms without training."""

from harness.nulls.gated_jaccard import gated_jaccard
from harness.nulls.haar import haar
from harness.nulls.isotropic import isotropic
from harness.nulls.low_rank import low_rank
from harness.nulls.registry import NULLS, PLANTS, apply
from harness.nulls.surrogate_z import haar_z, surrogate_z
from harness.nulls.synthetic import decay, noise, sign_step
from harness.nulls.zero_gradient import coast, zero_gradient_step

__all__ = [
    "NULLS",
    "PLANTS",
    "apply",
    "coast",
    "decay",
    "gated_jaccard",
    "haar",
    "haar_z",
    "isotropic",
    "low_rank",
    "noise",
    "sign_step",
    "surrogate_z",
    "zero_gradient_step",
]
