"""Nulls (updates without the learning signal), plants (updates with the effect put in), and arms without training."""

from harness.nulls.isotropic import isotropic
from harness.nulls.registry import NULLS, PLANTS, apply
from harness.nulls.synthetic import decay, noise, sign_step

__all__ = ["NULLS", "PLANTS", "apply", "decay", "isotropic", "noise", "sign_step"]
