"""Optimizers that others wrote and that were found numerically right; nothing here steps a weight.

    muon, adafactor   torch.optim                      Muon against its author's file: 3 - 6 %, the order of bf16's operations
    soap, lion        pytorch_optimizer 4.1, an extra  against the authors' packages: 4e-6 - 2.5e-5, and exactly

Source: conformance table of the sheet, section 3.
Trap: pytorch_optimizer's APOLLO scales the projected gradient (its update has rank r, at alpha^1.5) and its AdamMini is an
older variant, .3 - .5 away from the authors'. They cannot be had from here; `preset("apollo")` is the paper's.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import torch

from harness.errors import SpecError

LIBRARY = {
    "muon": ("torch.optim", "Muon"),
    "adafactor": ("torch.optim", "Adafactor"),
    "soap": ("pytorch_optimizer", "SOAP"),
    "lion": ("pytorch_optimizer", "Lion"),
}
REFUSED = {
    "apollo": 'pytorch_optimizer\'s scales the projected gradient; use preset("apollo")',
    "adam-mini": "pytorch_optimizer's is an older variant; use the package adam-mini itself",
}


def library_optimizer(name: str, params: Iterable, **options: Any) -> torch.optim.Optimizer:
    """An optimizer of a library by its name here.

    Args:
        name: one of LIBRARY.
        params: as the library's class takes them; Muon takes 2-D parameters only.
        options: of the class.

    Raises:
        SpecError: unknown or refused, or its library is not installed or too old.
    """
    if name in REFUSED:
        raise SpecError(f"{name} is not taken from a library: {REFUSED[name]}.")
    if name not in LIBRARY:
        raise SpecError(f"there is no optimizer {name!r}: use one of {', '.join(LIBRARY)}, or a preset.")
    home, kind = LIBRARY[name]
    try:
        return getattr(import_module(home), kind)(params, **options)
    except ImportError:
        raise SpecError(f"{name} comes from {home}, which is not installed: pip install 'pytorch_optimizer==4.1.*'.") from None
    except AttributeError:
        raise SpecError(f"{name} is not in the installed {home}: torch 2.9 and later have it.") from None
