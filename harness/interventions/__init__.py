"""Interventions: weights changed on purpose, to tell causes apart."""

from harness.interventions.heads import HeadMap, Heads, Moved, rotate_back
from harness.interventions.permute import permutation, permute
from harness.interventions.rotate import rotate, rotation
from harness.interventions.sparse_mask import MASKS, Restriction, restrict, sparse_masks
from harness.interventions.storage import STORAGES, round_parameters, round_to

__all__ = [
    "MASKS",
    "STORAGES",
    "HeadMap",
    "Heads",
    "Moved",
    "Restriction",
    "permutation",
    "permute",
    "restrict",
    "rotate",
    "rotate_back",
    "rotation",
    "round_parameters",
    "round_to",
    "sparse_masks",
]
