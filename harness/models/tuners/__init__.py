"""Adapters put on a model: built by peft or here, kept as kilobytes, read as the matrices that they stand for."""

from harness.models.tuners.adapted import Adapted
from harness.models.tuners.build import Calibration, adapt

__all__ = ["Adapted", "Calibration", "adapt"]
