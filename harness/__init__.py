"""spectral-claims: published claims about learning, as tests with a matched null.

Names resolve lazily (PEP 562), so that collecting a suite imports no torch:

    import harness as h

    PAPER = h.Paper("path-not-taken", arxiv="2511.08567", title="...")
"""

from importlib import import_module

__version__ = "0.1.0"

_CLAIMS = (
    "Paper Claim Bound Control below above equivalent greater differs fraction exact null plant variant swap"
).split()
_SPECTRA = (
    "Change Frame PerMatrix at_density normalized_spectral_shift spectral_drift_ratio kappa principal_energy principal_enrichment"
    " change_density probe_mismatches mask_overlap weyl_slack mirsky_slack ky_fan_slack"
    " principal_angles rotation rotation_floor wedin_ratio wedin_bound wedin_vacuous rho2_u rho2_v rho2_uv energy_profile"
    " stable_rank participation_rank entropy_rank energy_rank matrix_rank ulp_distance above_half_ulp"
    " jaccard jaccard_baseline consensus change_ratios stripe_score gated_stripe_score"
    " hvp directional_curvature subspace_direction kl_to_base fisher_quadratic clip_bound tilted_rate binary_kl norm_bound"
    " logp_mismatch update_cosine gradient_ranks noise_ranks kfac_alignment factor_rank"
    " isospectral_distance unexplained_ratio unexplained_excess isotropic_unexplained by_shape"
).split()
_NULLS = "isotropic noise decay sign_step haar haar_z surrogate_z gated_jaccard low_rank zero_gradient_step coast".split()
_INTERVENTIONS = (
    "rotate_back restored_spectrum spectrum_alone swapped_spectrum random_spectrum principal_part off_principal_part remixed"
).split()
_COMPRESSION = (
    "value_spectra gaussian_spectra threshold_allocation energy_allocation find_threshold find_share uniform_allocation"
    " random_allocation truncated"
).split()

_MERGING = "merge merge_changes".split()

_HOME = {
    **dict.fromkeys(_CLAIMS, "harness.claims"),
    **dict.fromkeys(_SPECTRA, "harness.spectra"),
    **dict.fromkeys(_COMPRESSION, "harness.compression"),
    **dict.fromkeys(_NULLS, "harness.nulls"),
    **dict.fromkeys(_INTERVENTIONS, "harness.interventions"),
    **dict.fromkeys(_MERGING, "harness.merging"),
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    if _HOME[name] != "harness.claims":
        import_module("harness.threads").configure()
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
