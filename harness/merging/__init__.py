"""Merging: one model from a base and several experts tuned from it. Imports torch and spectra only."""

from harness.merging.iso_merger import IsoMerged, iso_merged
from harness.merging.registry import RULES
from harness.merging.rule import Given, Rule, Tensors
from harness.merging.state_dicts import merge, merge_changes

__all__ = ["RULES", "Given", "IsoMerged", "Rule", "Tensors", "iso_merged", "merge", "merge_changes"]
