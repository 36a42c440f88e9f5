"""Measures of a change of weights: pure functions from a Change to one number per matrix."""

from harness.spectra.bf16_change import change_density, changed, changed_masks, probe_mismatches
from harness.spectra.block_energy import principal_energy, principal_enrichment
from harness.spectra.change import Change, Changed
from harness.spectra.content_cache import ContentCache, content_key
from harness.spectra.coordinates import Coordinates
from harness.spectra.curvature import Curvature, directional_curvature, hvp, subspace_direction
from harness.spectra.divergence import Divergence, fisher_quadratic, kl_to_base
from harness.spectra.effective_rank import energy_rank, entropy_rank, matrix_rank, participation_rank, stable_rank
from harness.spectra.energy_profile import energy_profile
from harness.spectra.frame import Frame, Reading
from harness.spectra.frame_store import FrameStore
from harness.spectra.gaps import gapped_k
from harness.spectra.kappa import kappa, spectral_drift_ratio
from harness.spectra.kl_bounds import binary_kl, clip_bound, norm_bound, tilted_rate
from harness.spectra.krylov import PartialFrame, Verified, leading_subspaces, verified
from harness.spectra.logp_mismatch import Mismatch, logp_mismatch
from harness.spectra.mask_agreement import Consensus, consensus, jaccard, jaccard_baseline
from harness.spectra.masks import low_mask, mask_overlap, principal_mask
from harness.spectra.nss import normalized_spectral_shift
from harness.spectra.operator_norm import operator_norm_bound
from harness.spectra.per_matrix import PerMatrix
from harness.spectra.perturbation_bounds import ky_fan_slack, mirsky_slack, weyl_slack
from harness.spectra.precision import storage_dtype, ulp
from harness.spectra.principal_angles import principal_angles
from harness.spectra.rho2 import rho2_u, rho2_uv, rho2_v
from harness.spectra.second_order import Prediction, predicted_values
from harness.spectra.singular_values import singular_values, spectral_shifts
from harness.spectra.stripes import change_ratios, gated_stripe_score, stripe_score
from harness.spectra.subspace_rotation import Rotation, rotation, rotation_floor
from harness.spectra.ulp_distance import above_half_ulp, ulp_distance
from harness.spectra.update_cosine import update_cosine
from harness.spectra.visibility import at_density, visibility_scale, visible_chance
from harness.spectra.wedin import wedin_bound, wedin_ratio, wedin_vacuous

__all__ = [
    "Change",
    "Changed",
    "Consensus",
    "ContentCache",
    "Coordinates",
    "Curvature",
    "Divergence",
    "Frame",
    "FrameStore",
    "Mismatch",
    "PartialFrame",
    "PerMatrix",
    "Prediction",
    "Reading",
    "Rotation",
    "Verified",
    "above_half_ulp",
    "at_density",
    "binary_kl",
    "change_density",
    "change_ratios",
    "changed",
    "changed_masks",
    "clip_bound",
    "consensus",
    "content_key",
    "directional_curvature",
    "energy_profile",
    "energy_rank",
    "entropy_rank",
    "fisher_quadratic",
    "gapped_k",
    "gated_stripe_score",
    "hvp",
    "jaccard",
    "jaccard_baseline",
    "kappa",
    "kl_to_base",
    "ky_fan_slack",
    "leading_subspaces",
    "logp_mismatch",
    "low_mask",
    "mask_overlap",
    "matrix_rank",
    "mirsky_slack",
    "norm_bound",
    "normalized_spectral_shift",
    "operator_norm_bound",
    "participation_rank",
    "predicted_values",
    "principal_angles",
    "principal_energy",
    "principal_enrichment",
    "principal_mask",
    "probe_mismatches",
    "rho2_u",
    "rho2_uv",
    "rho2_v",
    "rotation",
    "rotation_floor",
    "singular_values",
    "spectral_drift_ratio",
    "spectral_shifts",
    "stable_rank",
    "storage_dtype",
    "stripe_score",
    "subspace_direction",
    "tilted_rate",
    "ulp",
    "ulp_distance",
    "update_cosine",
    "verified",
    "visibility_scale",
    "visible_chance",
    "wedin_bound",
    "wedin_ratio",
    "wedin_vacuous",
    "weyl_slack",
]
