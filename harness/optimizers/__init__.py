"""Optimizers: the family of subspace methods, and those of libraries that were found right. Imports torch only."""

from harness.optimizers.library import library_optimizer
from harness.optimizers.matrix_step import Look
from harness.optimizers.options import Subspace
from harness.optimizers.overlap import overlap
from harness.optimizers.per_layer import PerLayer
from harness.optimizers.presets import PRESETS, preset
from harness.optimizers.subspace import SubspaceOptimizer

__all__ = ["PRESETS", "Look", "PerLayer", "Subspace", "SubspaceOptimizer", "library_optimizer", "overlap", "preset"]
