"""Runs of one base and one task, merged with no data and no rollouts: what the one model keeps of their gain.

    kept(W) = (success(W) - success(W0)) / mean over runs i of (success(W_i) - success(W0))

    iso          ISO-Merger of the projections
    mean         W0 + (1/K) sum (W_i - W0)
    lengthened   W0 + f (mean - W0), f = |iso - W0|_F / |mean - W0|_F over all projections: task arithmetic at the factor f / K
    part         W0 + (W_1 - W0) / K: what a mean holds of one run
    best         the run of the largest gain, unmerged

Embeddings and norms are averaged in `iso` and `lengthened`, as in the sheet's benchmark (peft_merge 3.5); the official code
transforms embeddings too, where a decomposition is 49152 x 576.

Trap: runs of one task point one way, so a merge here has nothing to resolve: it asks what averaging costs, and not what
specialists do to each other. That is asked at the tiny scale.
Trap: ISO-Merger takes two CPU-minutes of a model of 135M. The last one made is remembered by its runs, the successes and the
lengths of all.
"""

from collections.abc import Sequence
from functools import cached_property
from math import fsum, sqrt
from typing import TYPE_CHECKING

from suites.iso.whole_model import LARGE, forget, policy, success
from suites.task_vectors.specialists import lengthened, shuffled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.engine.policies import Policies
    from harness.spectra import Change
    from torch import Generator, Tensor

    State = Mapping[str, Tensor]

PROJECTIONS = r"_proj\.weight$"

_LAST: "dict[tuple[str, ...], Runs]" = {}
_KEPT: dict[tuple, float] = {}
_LENGTH: dict[tuple[str, ...], float] = {}


class Runs:
    """Runs of one replicate, ready to merge.

    Args:
        models: makes policies of arms.
        arms: as trained, of one base and one task.
    """

    def __init__(self, models: "Policies", arms: "Sequence[Change]"):
        from harness.memory import return_large_blocks

        return_large_blocks(LARGE)
        self.keys = _keys(arms)
        self.policy = policy(models, arms[0])
        self.base = models.weights(arms[0], "first")
        self.states = [models.weights(each) for each in arms]

    def kept(self, merge: str, rng: "Generator", made: str = "trained") -> float:
        """Share of the runs' mean gain.

        Args:
            merge: see the top; "base" is not to merge, which keeps 0.
            rng: draws what is shuffled.
            made: "trained", or "shuffled": the entries of the merge's update are permuted, parameter by parameter.
        """
        if merge in ("base", "best"):
            return max(self.gains) / self._mean_gain if merge == "best" else 0.0
        if made == "shuffled":
            return self._share(shuffled(self.base, self.merged(merge), rng))
        address = (self.keys, merge)
        if address not in _KEPT:
            _KEPT[address] = self._share(self.merged(merge))
        return _KEPT[address]

    def merged(self, merge: str) -> "State":
        """All weights of a merge, by the names at the top."""
        import harness as h

        if merge == "iso":
            return self._iso
        if merge == "part":
            return lengthened(self.base, self.states[0], 1 / len(self.states))
        mean = h.merge("mean", self.base, self.states)
        if merge == "mean":
            return mean
        if merge != "lengthened":
            raise KeyError(merge)
        longer = lengthened(self.base, mean, self._iso_length / self._length(mean))
        return {name: longer[name] if name in self._projections else mean[name] for name in mean}

    @cached_property
    def gains(self) -> list[float]:
        """Of each run."""
        return [success(self.policy, each) - self._start for each in self.states]

    @property
    def _mean_gain(self) -> float:
        return fsum(self.gains) / len(self.gains)

    @cached_property
    def _start(self) -> float:
        return success(self.policy, self.base)

    @cached_property
    def _iso(self) -> "State":
        import harness as h

        made = h.merge("iso", self.base, self.states, where=PROJECTIONS)
        _LENGTH[self.keys] = self._length(made)
        return made

    @property
    def _iso_length(self) -> float:
        return _LENGTH[self.keys] if self.keys in _LENGTH else self._length(self._iso)

    @cached_property
    def _projections(self) -> set[str]:
        import re

        return {name for name in self.base if re.search(PROJECTIONS, name)}

    def _length(self, state: "State") -> float:
        return sqrt(fsum((state[name].double() - self.base[name]).square().sum().item() for name in self._projections))

    def _share(self, state: "State") -> float:
        return (success(self.policy, state) - self._start) / self._mean_gain


def kept(models: "Policies", arms: "Sequence[Change]", merge: str, rng: "Generator", made: str = "trained") -> float:
    """What `Runs.kept` gives of these arms; remembered where nothing is drawn."""
    address = (_keys(arms), merge)
    return _KEPT[address] if made == "trained" and address in _KEPT else _runs(models, arms).kept(merge, rng, made)


def _runs(models: "Policies", arms: "Sequence[Change]") -> Runs:
    keys = _keys(arms)
    if keys not in _LAST:
        forget()
        _LAST.clear()
        _LAST[keys] = Runs(models, arms)
    return _LAST[keys]


def _keys(arms: "Sequence[Change]") -> tuple[str, ...]:
    return tuple(each.run_keys[0] for each in arms)
