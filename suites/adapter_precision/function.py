"""What a model computes with an adapter beside its base, and with the adapter merged into weights of a storage format.

    lost = |f(fl(W0 + D)) - f(W0 + D)|_F / |f(W0 + D) - f(W0)|_F,   f the logits on demonstrations of training problems

Everything is computed in fp32: what differs is where the weights lie, not how they are multiplied. The base is on the bf16
grid, so it is the same on both sides.
Trap: in bf16 arithmetic two models of equal weights differ too, by the order of a sum; that is not the merge.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.spectra import Change
    from harness.training.policy import Policy
    from suites.adapter_precision.cycles import Adapters
    from torch import Tensor

PROBLEMS = 32


def lost_by_merging(base: "Policy", arm: "Change", given: "Adapters", dtype: str) -> float:
    """The share of an adapter's effect on the logits that merging changes.

    Args:
        base: the policy that the arm started from; moved, and left at another place.
        arm: the change, for its seed: problems are drawn by it.
        given: base matrices and updates by the names of the change.
        dtype: what merged weights are stored in.
    """
    from harness.spectra.precision import storage_dtype

    target = storage_dtype(dtype)
    with_adapter = {name: w0.double() + given.update[name] for name, w0 in given.base.items()}
    ids = _demonstrations(base, arm.seed or 0)
    none, beside, merged = (
        _logits(base, {name: w.to(kept).float() for name, w in weights.items()}, ids)
        for weights, kept in ((given.base, target), (with_adapter, storage_dtype("fp32")), (with_adapter, target))
    )
    return ((merged - beside).norm() / (beside - none).norm()).item()


def _demonstrations(base: "Policy", seed: int) -> "Tensor":
    from harness.training import data

    return data.encode_demonstrations(base.tokenizer, base.task, base.problems(PROBLEMS, seed), answer_only=True).ids


def _logits(base: "Policy", matrices: "dict[str, Tensor]", ids: "Tensor") -> "Tensor":
    import torch

    with torch.no_grad():
        return base.moved_to(matrices).model(ids, use_cache=False).logits.double()
