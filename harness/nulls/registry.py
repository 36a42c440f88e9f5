"""Nulls and plants by name, as a claim's spec names them."""

import inspect
from difflib import get_close_matches

import torch

from harness.errors import SpecError
from harness.nulls.coherent_sign import coherent_sign
from harness.nulls.density_matched import density_matched
from harness.nulls.gated_isotropic import gated_isotropic
from harness.nulls.haar import haar
from harness.nulls.isotropic import isotropic
from harness.nulls.low_rank import low_rank
from harness.nulls.off_principal import off_principal
from harness.nulls.principal_block import principal_block
from harness.nulls.principal_free import principal_free
from harness.nulls.random_walk import random_walk
from harness.nulls.scaled_spectrum import scaled_spectrum
from harness.nulls.shared_mask import shared_mask
from harness.nulls.sparse import sparse
from harness.nulls.stripe import stripe
from harness.nulls.tilt import tilt
from harness.nulls.weight_decay import weight_decay
from harness.spectra.change import Change, Changed

_NULLS = (isotropic, gated_isotropic, weight_decay, coherent_sign, sparse, density_matched, haar, random_walk)
_PLANTS = (principal_block, scaled_spectrum, off_principal, principal_free, tilt, stripe, low_rank, shared_mask)
NULLS = {f.__name__: f for f in _NULLS}
PLANTS = {f.__name__: f for f in _PLANTS}


def apply(name: str, change: Changed, generator: torch.Generator, **args: object) -> Change:
    """The surrogate of a change called `name`.

    Args:
        name: a key of NULLS or PLANTS.
        change: the arm it stands in for.
        generator: CPU generator, seeded by the caller.
        args: further arguments of that surrogate.

    Raises:
        SpecError: no such surrogate, or it does not take these arguments.
    """
    known = NULLS | PLANTS
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(known)}."
        raise SpecError(f"unknown null or plant {name!r}: {hint}")
    takes = list(inspect.signature(known[name]).parameters)[2:]
    odd = sorted(args.keys() - set(takes))
    if odd:
        raise SpecError(f"{name} takes {', '.join(takes) or 'no arguments'}, not {', '.join(odd)}.")
    return known[name](change, generator, **args)
