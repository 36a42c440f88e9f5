"""Measures of a change of weights: pure functions from a Change to one number per matrix."""

from harness.spectra.bf16_change import change_density, changed, changed_masks, probe_mismatches
from harness.spectra.block_energy import principal_energy, principal_enrichment
from harness.spectra.change import Change, Changed
from harness.spectra.content_cache import ContentCache, content_key
from harness.spectra.frame import Frame, Reading
from harness.spectra.kappa import kappa, spectral_drift_ratio
from harness.spectra.masks import low_mask, mask_overlap, principal_mask
from harness.spectra.nss import normalized_spectral_shift
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.perturbation_bounds import ky_fan_slack, mirsky_slack, weyl_slack
from harness.spectra.precision import storage_dtype, ulp
from harness.spectra.singular_values import singular_values, spectral_shifts
from harness.spectra.visibility import at_density, visibility_scale

__all__ = [
    "Change",
    "Changed",
    "ContentCache",
    "Frame",
    "PerMatrix",
    "Reading",
    "at_density",
    "change_density",
    "changed",
    "changed_masks",
    "content_key",
    "kappa",
    "ky_fan_slack",
    "low_mask",
    "mask_overlap",
    "mirsky_slack",
    "normalized_spectral_shift",
    "principal_energy",
    "principal_enrichment",
    "principal_mask",
    "probe_mismatches",
    "singular_values",
    "spectral_drift_ratio",
    "spectral_shifts",
    "storage_dtype",
    "ulp",
    "visibility_scale",
    "weyl_slack",
]
