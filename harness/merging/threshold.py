"""Which entries are the largest share of a tensor, or of a whole model that is never held at once.

    kept: score >= the k-th largest,  k = max(1, floor(density N)),  and score > 0

The k-th largest of a model is found exactly: the 63 bits of a non-negative double order as its value does, so three histograms
of 21 bits each, one a pass, narrow it down to one value. Memory: 2^21 counts an expert.
Trap: entries that did not move have score 0. A sparse update (70 % of an RL expert's bf16 weights) has fewer entries than a
density of .4 asks for; they are not kept to fill it up, because a kept zero would dilute the others in a weighted mean.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

BITS = 21
FP32_ZEROS = 29  # last bits of a double that holds an fp32 number
CHUNK = 2**22
SAMPLE = 2**15


def kth_largest(scores: Tensor, k: int) -> float:
    """The k-th largest entry of finite fp32 or fp64 scores, 1 <= k <= numel.

    A sample brackets it, and only what lies between is partitioned, in less time and memory than all would be.
    """
    flat = scores.reshape(-1)
    size = flat.numel()
    if size > 4 * SAMPLE:
        sample = flat[:: size // SAMPLE].sort(descending=True).values
        place, margin = k / size * len(sample), 4 * len(sample) ** 0.5
        high = sample[max(0, int(place - margin))] if place > margin else flat.max()
        low = sample[min(len(sample) - 1, int(place + margin))]
        above = int(torch.count_nonzero(flat > high))
        between = flat[(flat >= low) & (flat <= high)]
        if above < k <= above + len(between):
            flat, k = between, k - above
    return flat.kthvalue(len(flat) - k + 1).values.item()


def count_of(density: float, size: int) -> int:
    """How many of `size` entries a density keeps; at least one."""
    return max(1, int(density * size))


def threshold_of(scores: Tensor, density: float) -> float:
    """The smallest score that is kept of this tensor alone."""
    return 0.0 if density >= 1.0 else kth_largest(scores, count_of(density, scores.numel()))


def kept(scores: Tensor, threshold: float) -> Tensor:
    """Mask of the entries that moved and reach the threshold."""
    return scores >= threshold if threshold > 0.0 else scores > 0.0


def model_thresholds(walk: Callable[[], Iterator[Iterable[Tensor]]], density: float) -> tuple[float, ...]:
    """The smallest score that is kept, of each expert over the whole model.

    Args:
        walk: goes through the model once; gives for every tensor the scores of each expert in turn, not negative.
        density: share kept.
    """
    searches: list[_Search] = []
    size = 0
    for scores in walk():
        for at, each in enumerate(scores):
            if at == len(searches):
                searches.append(_Search())
            searches[at].see(each)
            size += each.numel() if at == 0 else 0
    if size == 0:
        return ()
    _narrow(searches, count_of(density, size))
    while any(not each.is_done for each in searches):
        for scores in walk():
            for search, each in zip(searches, scores, strict=True):
                search.see(each)
        _narrow(searches, count_of(density, size))
    return tuple(search.value for search in searches)


def _narrow(searches: Sequence["_Search"], k: int) -> None:
    for search in searches:
        search.narrow(k)


class _Search:
    """The k-th largest of a stream of doubles that can be replayed."""

    def __init__(self) -> None:
        self._prefix = 0  # the bits that are known, and how many are not
        self._open = 63
        self._above = 0  # entries known to lie above all that share the prefix
        self._last = FP32_ZEROS  # no more bits are looked at: those that an fp32 score does not have
        self._counts = torch.zeros(2**BITS, dtype=torch.int64)
        self.is_done = False

    @property
    def value(self) -> float:
        """Nothing smaller is kept."""
        return torch.tensor(self._prefix << self._open, dtype=torch.int64).view(torch.float64).item()

    def see(self, scores: Tensor) -> None:
        """A tensor of the pass."""
        if self.is_done:
            return
        if scores.dtype == torch.float64:
            self._last = 0
        for part in scores.reshape(-1).split(CHUNK):
            bits = part.double().cpu().contiguous().view(torch.int64)
            if self._open < 63:
                bits = bits[(bits >> self._open) == self._prefix]
            if bits.numel():
                self._counts += torch.bincount((bits >> (self._open - BITS)) & (2**BITS - 1), minlength=2**BITS)

    def narrow(self, k: int) -> None:
        """The end of a pass: 21 more bits are known."""
        if self.is_done:
            return
        from_top = self._counts.flip(0).cumsum(0) + self._above
        place = int(torch.searchsorted(from_top, k))
        digit = 2**BITS - 1 - place
        inside = int(self._counts[digit])
        self._above = int(from_top[place]) - inside
        self._prefix, self._open = (self._prefix << BITS) | digit, self._open - BITS
        # Done early where all that share the bits are kept: the smallest value with these bits parts them as well.
        self.is_done = self._open <= self._last or self._above + inside == k
        self._counts = torch.zeros(0 if self.is_done else 2**BITS, dtype=torch.int64)
