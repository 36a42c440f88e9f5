"""Measures of a change of weights: pure functions from a Change to one number per matrix."""

from harness.spectra.bf16_change import change_density, changed, changed_masks, probe_mismatches
from harness.spectra.block_energy import principal_energy, principal_enrichment
from harness.spectra.by_shape import by_shape
from harness.spectra.captured_energy import Captured, captured_by, captured_energy, energy_curve
from harness.spectra.change import Change, Changed
from harness.spectra.content_cache import ContentCache, content_key
from harness.spectra.coordinates import Coordinates
from harness.spectra.curvature import Curvature, directional_curvature, hvp, subspace_direction
from harness.spectra.divergence import Divergence, fisher_quadratic, kl_to_base
from harness.spectra.effective_rank import energy_rank, entropy_rank, matrix_rank, participation_rank, stable_rank
from harness.spectra.energy_profile import energy_profile
from harness.spectra.fisher_diagonal import empirical_fisher_diagonal, squared_batch_gradient, true_fisher_diagonal
from harness.spectra.frame import Frame, Reading
from harness.spectra.frame_store import FrameStore
from harness.spectra.gaps import gapped_k
from harness.spectra.gradient_ranks import Ranks, gradient_ranks, noise_ranks, rank_z
from harness.spectra.hessian_top import HessianTop, hessian_top
from harness.spectra.hosvd import Hosvd, explained, hosvd, mean_energy, top_share
from harness.spectra.isospectral_distance import isospectral_distance
from harness.spectra.kappa import kappa, spectral_drift_ratio
from harness.spectra.kfac import Alignment, KroneckerFactors, factor_rank, kfac_alignment, kfac_factors, linear_layers
from harness.spectra.kl_bounds import binary_kl, clip_bound, norm_bound, tilted_rate
from harness.spectra.krylov import PartialFrame, Verified, leading_subspaces, verified
from harness.spectra.logp_mismatch import Mismatch, logp_mismatch
from harness.spectra.low_rank_update import LowRankReading, LowRankUpdates, read_low_rank
from harness.spectra.marchenko_pastur import (
    noise_energy,
    noise_entropy_rank,
    noise_nuclear_rank,
    noise_participation,
    noise_stable_rank,
)
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
from harness.spectra.shared_basis import Basis, HeldOut, subspace_merge
from harness.spectra.singular_values import singular_values, spectral_shifts
from harness.spectra.stacked_energy import StackedEnergy, half_overlap, stacked_energy
from harness.spectra.stripes import change_ratios, gated_stripe_score, stripe_score
from harness.spectra.subspace_overlap import OverlapInTime, chance_overlap, noise_overlap, overlaps_in_time, subspace_overlap
from harness.spectra.subspace_rotation import Rotation, rotation, rotation_floor
from harness.spectra.three_subspaces import (
    GradientSpace,
    PrincipalSpace,
    WeightSpace,
    principal_of_gradient,
    principal_of_weight,
    top_of_hessian,
)
from harness.spectra.ulp_distance import above_half_ulp, ulp_distance
from harness.spectra.unexplained import isotropic_unexplained, unexplained_excess, unexplained_ratio
from harness.spectra.update_cosine import update_cosine
from harness.spectra.visibility import at_density, visibility_scale, visible_chance
from harness.spectra.wedin import wedin_bound, wedin_ratio, wedin_vacuous

__all__ = [
    "Alignment",
    "Basis",
    "Captured",
    "Change",
    "Changed",
    "Consensus",
    "ContentCache",
    "Coordinates",
    "Curvature",
    "Divergence",
    "Frame",
    "FrameStore",
    "GradientSpace",
    "HeldOut",
    "HessianTop",
    "Hosvd",
    "KroneckerFactors",
    "LowRankReading",
    "LowRankUpdates",
    "Mismatch",
    "OverlapInTime",
    "PartialFrame",
    "PerMatrix",
    "Prediction",
    "PrincipalSpace",
    "Ranks",
    "Reading",
    "Rotation",
    "StackedEnergy",
    "Verified",
    "WeightSpace",
    "above_half_ulp",
    "at_density",
    "binary_kl",
    "by_shape",
    "captured_by",
    "captured_energy",
    "chance_overlap",
    "change_density",
    "change_ratios",
    "changed",
    "changed_masks",
    "clip_bound",
    "consensus",
    "content_key",
    "directional_curvature",
    "empirical_fisher_diagonal",
    "energy_curve",
    "energy_profile",
    "energy_rank",
    "entropy_rank",
    "explained",
    "factor_rank",
    "fisher_quadratic",
    "gapped_k",
    "gated_stripe_score",
    "gradient_ranks",
    "half_overlap",
    "hessian_top",
    "hosvd",
    "hvp",
    "isospectral_distance",
    "isotropic_unexplained",
    "jaccard",
    "jaccard_baseline",
    "kappa",
    "kfac_alignment",
    "kfac_factors",
    "kl_to_base",
    "ky_fan_slack",
    "leading_subspaces",
    "linear_layers",
    "logp_mismatch",
    "low_mask",
    "mask_overlap",
    "matrix_rank",
    "mean_energy",
    "mirsky_slack",
    "noise_energy",
    "noise_entropy_rank",
    "noise_nuclear_rank",
    "noise_overlap",
    "noise_participation",
    "noise_ranks",
    "noise_stable_rank",
    "norm_bound",
    "normalized_spectral_shift",
    "operator_norm_bound",
    "overlaps_in_time",
    "participation_rank",
    "predicted_values",
    "principal_angles",
    "principal_energy",
    "principal_enrichment",
    "principal_mask",
    "principal_of_gradient",
    "principal_of_weight",
    "probe_mismatches",
    "rank_z",
    "read_low_rank",
    "rho2_u",
    "rho2_uv",
    "rho2_v",
    "rotation",
    "rotation_floor",
    "singular_values",
    "spectral_drift_ratio",
    "spectral_shifts",
    "squared_batch_gradient",
    "stable_rank",
    "stacked_energy",
    "storage_dtype",
    "stripe_score",
    "subspace_direction",
    "subspace_merge",
    "subspace_overlap",
    "tilted_rate",
    "top_of_hessian",
    "top_share",
    "true_fisher_diagonal",
    "ulp",
    "ulp_distance",
    "unexplained_excess",
    "unexplained_ratio",
    "update_cosine",
    "verified",
    "visibility_scale",
    "visible_chance",
    "wedin_bound",
    "wedin_ratio",
    "wedin_vacuous",
    "weyl_slack",
]
