"""weightwatcher (the package of that name, 0.7.7) beside our route to the same singular values, in CPU seconds.

Both compute all singular values of every matrix, and from them the spectral norm, the Frobenius norm and the stable rank. Of
weightwatcher only that part is timed (normalize and ESD, scipy's fp64 SVD); its power-law fit, which is what it is for and
takes a fifth more on SmolLM2, is left out, and so are loading and importing. Ours casts from bf16 inside the time.

It is no dependency: install it beside the pinned set with `pip install -c constraints.txt -e '.[peers]'`.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MISSING = "" if find_spec("weightwatcher") else "needs weightwatcher: pip install -c constraints.txt -e '.[peers]'"


def theirs(state: "dict[str, Tensor]") -> list[list[float]]:
    """Spectral norm, Frobenius norm and stable rank of each matrix, in the order of their names.

    Args:
        state: name ("model.layers.0.mlp.up_proj.weight") -> fp32.
    """
    import weightwatcher
    from weightwatcher.constants import DEFAULT_PARAMS

    watcher = weightwatcher.WeightWatcher(model=state)
    params = watcher.normalize_params(DEFAULT_PARAMS.copy())
    found = {}
    for layer in watcher.make_layer_iterator(model=watcher.model, layers=[], params=params):
        if layer.has_weights and not layer.skipped:
            watcher.apply_normalize_Wmats(layer, params)
            watcher.apply_esd(layer, params)
            found[layer.name.removesuffix(".weight")] = _of_squares(layer.evals)
    return [found[name] for name in sorted(found)]


def ours(state: "dict[str, Tensor]", dtype: str = "fp64") -> list[list[float]]:
    """The same by the Gram matrix.

    Args:
        state: name -> as stored.
        dtype: of the Gram matrix, "fp64" or "fp32".
    """
    import torch
    from harness.spectra.gram_values import gram_values

    kind = {"fp64": torch.float64, "fp32": torch.float32}[dtype]
    return [_of_squares(gram_values(state[name], kind).square().numpy()) for name in sorted(state)]


def _of_squares(squares) -> list[float]:
    largest, total = float(squares.max()), float(squares.sum())
    return [largest**0.5, total**0.5, total / largest]


def smollm2() -> "dict[str, Tensor]":
    """Its 210 matrices as stored, bf16."""
    from harness.models import smollm2
    from harness.models.pair import Pair

    folder = smollm2.ensure()
    return {f"model.{entry.name}.weight": w0 for entry, w0, _ in Pair(folder, folder).read()}


def single(matrix: "Tensor") -> "dict[str, Tensor]":
    """One matrix as a model."""
    return {"model.layers.0.mlp.up_proj.weight": matrix}


def as_loaded(state: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """In fp32, as its models are."""
    return {name: matrix.float() for name, matrix in state.items()}
