"""Low-rank components and the others: which matrices are stored as factors and fine-tuned.

    LRC     reduction > min_ratio       r as allocated; the two factors are what trains
    N-LRC   all others                  kept whole, at full rank, and frozen

Source: WeLore 2407.11239; min_ratio .4999 in VITA-Group/WeLore's fine-tuning (a square matrix saves nothing below one half).
Trap: an N-LRC keeps all its ranks, whatever the rule had taken: `achieved` is the reduction of the model, not that of the rule.
"""

from typing import NamedTuple

from harness.compression.allocation import Allocation
from harness.errors import MeasureError

MIN_RATIO = 0.4999


class Split(NamedTuple):
    """The two kinds.

    Attributes:
        lrc, n_lrc: names, in the order of the allocation.
        applied: ranks as they are used: full for an N-LRC.
        attempted: the rule's reduction of all ranks.
        achieved: that of `applied`.
    """

    lrc: tuple[str, ...]
    n_lrc: tuple[str, ...]
    applied: Allocation
    attempted: float
    achieved: float


def split(allocation: Allocation, min_ratio: float = MIN_RATIO) -> Split:
    """Tell low-rank components from the others.

    Args:
        allocation: as a rule gives it.
        min_ratio: in [0, 1).

    Raises:
        MeasureError: min_ratio outside [0, 1).
    """
    if not 0.0 <= min_ratio < 1.0:
        raise MeasureError(f"a min_ratio of {min_ratio}: choose it in [0, 1).")
    reduction, full = allocation.reduction, allocation.full
    lrc = tuple(name for name in allocation.kept if reduction[name] > min_ratio)
    kept = {name: r if name in lrc else full[name] for name, r in allocation.kept.items()}
    applied = Allocation(kept, allocation.shapes)
    others = tuple(name for name in allocation.kept if name not in lrc)
    return Split(lrc, others, applied, allocation.total_reduction, applied.total_reduction)
