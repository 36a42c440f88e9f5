"""Low-rank compression of weights: rank allocation by spectra, its baselines, and the layers it makes. Imports torch only."""

from harness.compression.allocation import Allocation
from harness.compression.baselines import random_allocation, uniform_allocation
from harness.compression.low_rank_model import LowRankLinear, Trainable, compress_model, train_low_rank_only
from harness.compression.rules import Found, energy_allocation, find_share, find_threshold, normalized, threshold_allocation
from harness.compression.spectra import Spectrum, gaussian_spectra, value_spectra
from harness.compression.split import MIN_RATIO, Split, split
from harness.compression.truncation import Factors, Report, factorize, report, truncated

__all__ = [
    "MIN_RATIO",
    "Allocation",
    "Factors",
    "Found",
    "LowRankLinear",
    "Report",
    "Spectrum",
    "Split",
    "Trainable",
    "compress_model",
    "energy_allocation",
    "factorize",
    "find_share",
    "find_threshold",
    "gaussian_spectra",
    "normalized",
    "random_allocation",
    "report",
    "split",
    "threshold_allocation",
    "train_low_rank_only",
    "truncated",
    "uniform_allocation",
    "value_spectra",
]
