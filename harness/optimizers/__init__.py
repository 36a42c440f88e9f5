"""Optimizers: subspace methods, isospectral ones, and those of libraries that were found right. Imports torch only."""

from harness.optimizers.iso import IsoOptimizer
from harness.optimizers.iso_options import ISO_PRESETS, Isospectral, iso_preset
from harness.optimizers.iso_state import Frames
from harness.optimizers.library import library_optimizer
from harness.optimizers.matrix_step import Look
from harness.optimizers.options import Subspace
from harness.optimizers.overlap import overlap
from harness.optimizers.per_layer import PerLayer
from harness.optimizers.presets import PRESETS, preset
from harness.optimizers.subspace import SubspaceOptimizer

__all__ = [
    "ISO_PRESETS",
    "PRESETS",
    "Frames",
    "IsoOptimizer",
    "Isospectral",
    "Look",
    "PerLayer",
    "Subspace",
    "SubspaceOptimizer",
    "iso_preset",
    "library_optimizer",
    "overlap",
    "preset",
]
