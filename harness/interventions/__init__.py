"""Interventions: weights changed on purpose, to tell causes apart."""

from harness.interventions.heads import HeadMap, Heads, Moved, rotate_back
from harness.interventions.permute import permutation, permute
from harness.interventions.principal_part import off_principal_part, principal_part
from harness.interventions.random_spectrum import random_spectrum
from harness.interventions.remix import remixed
from harness.interventions.rotate import rotate, rotation
from harness.interventions.sparse_mask import MASKS, Restriction, restrict, sparse_masks
from harness.interventions.spectrum import restored_spectrum, spectrum_alone, swapped_spectrum, with_spectrum
from harness.interventions.spectrum_training import SPECTRA, constrain, hold_spectrum, move_spectrum_only
from harness.interventions.storage import STORAGES, round_parameters, round_to

__all__ = [
    "MASKS",
    "SPECTRA",
    "STORAGES",
    "HeadMap",
    "Heads",
    "Moved",
    "Restriction",
    "constrain",
    "hold_spectrum",
    "move_spectrum_only",
    "off_principal_part",
    "permutation",
    "permute",
    "principal_part",
    "random_spectrum",
    "remixed",
    "restored_spectrum",
    "restrict",
    "rotate",
    "rotate_back",
    "rotation",
    "round_parameters",
    "round_to",
    "sparse_masks",
    "spectrum_alone",
    "swapped_spectrum",
    "with_spectrum",
]
