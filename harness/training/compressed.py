"""Low-rank components inside a run: a model compressed before its first step, and its matrices as if it were not.

    compress    factors in the place of the low-rank components, by WeLore's rule; only what the recipe names trains
    dense       every parameter under the name it had, up @ down (fp64) where it is factors now: what is stored and measured

Source: WeLore 2407.11239; see harness.compression.low_rank_model for how it compresses and what of its code this follows.
Trap: half of the ranks is what the rule attempts. Components that lose less than half stay whole, so less is achieved.
Trap: a random choice of layers has the factors' number of entries only to the nearest subset; what it was is in the manifest.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from harness.compression import LowRankLinear, compress_model, find_threshold, value_spectra
from harness.compression.low_rank_model import Trainable
from harness.errors import TrainingError
from harness.models.weights import projections
from harness.training.finetunes import Compression

CLOSE = 0.1
"""By how much of the factors' entries a random choice of layers may miss their number."""

TRIES = 1000


def compress(model: nn.Module, how: Compression, seed: int) -> Trainable:
    """Compress a model in place and let only what is named require gradients.

    Args:
        model: dense.
        how: by how much, and what trains.
        seed: draws the layers where they are random.

    Raises:
        MeasureError: the rule makes no component low-rank at this reduction.
        TrainingError: no other choice of layers has the factors' number of entries within a tenth.
    """
    named = dict(model.named_parameters())
    tensors = [each.tensor for each in projections({name: p.ndim for name, p in named.items()})]
    allocation = find_threshold(value_spectra({name: named[name] for name in tensors}), how.reduction).allocation
    kinds = compress_model(model, allocation, norms=True)
    parts = {path: list(model.get_submodule(path).parameters()) for path in (name.removesuffix(".weight") for name in tensors)}
    chosen = {
        "low_rank": lambda: set(kinds.lrc),
        "all": lambda: set(parts),
        "others": lambda: set(kinds.n_lrc),
        "random": lambda: _another({path: sum(p.numel() for p in ps) for path, ps in parts.items()}, set(kinds.lrc), seed),
    }[how.trains]()
    for path, ps in parts.items():
        for p in ps:
            p.requires_grad_(path in chosen)
    if how.trains == "all":
        model.requires_grad_(True)
    named = dict(model.named_parameters())
    train = tuple(name for name, p in named.items() if p.requires_grad)
    entries = sum(named[name].numel() for name in train)
    return kinds._replace(names=train, entries=entries, frozen=sum(p.numel() for p in named.values()) - entries)


def dense(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter by its name; of a low-rank layer the matrix that its factors stand for, as `<layer>.weight`.

    A model without low-rank layers gives its parameters themselves.
    """
    low = {path: module for path, module in model.named_modules() if isinstance(module, LowRankLinear)}
    found: dict[str, Tensor] = {}
    for name, p in model.named_parameters():
        path, _, leaf = name.rpartition(".")
        if path in low and leaf in ("up", "down"):
            found.setdefault(f"{path}.weight", low[path].weight())
        else:
            found[name] = p
    return found


def _another(entries: Mapping[str, int], taken: set[str], seed: int) -> set[str]:
    """Layers in a random order until they have as many entries as those taken, to within CLOSE; others than those."""
    names, target = sorted(entries), sum(entries[path] for path in taken)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(TRIES):
        chosen: set[str] = set()
        for i in torch.randperm(len(names), generator=generator).tolist():
            chosen.add(names[i])
            if abs(sum(entries[path] for path in chosen) - target) <= CLOSE * target and chosen != taken:
                return chosen
    raise TrainingError(f"No other choice of layers was found with about the {target} entries of the low-rank components.")
