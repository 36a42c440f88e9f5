"""A real model with every projection restored or swapped: a claim's Change holds the judged layers alone there.

    tuned frames   W + U (S' - S) V^T          S' the base's values ("base"), drawn about S ("random"), or S ("tuned")
    base's frames  W0 + U0 (S' - S0) V0^T      S' the tuned values ("spectrum"), or drawn about S0 ("random")
    share          (success(model) - success(base)) / (success(arm) - success(base))

It says what `kept` says of a tiny model, by the same formulas (harness.interventions.spectrum, random_spectrum), matrix by
matrix: weights of base, arm and result are in memory at once, and no update in fp64. Embeddings and norms are those of the
arm in `beside`, of the base in `on_base`.

Trap: frames of all projections of SmolLM2 are 1.3 GB in fp64 and 20 CPU-seconds. Those of one model are remembered by the
content of each matrix, the values of all: so the base, one for every seed, is decomposed once for each of the two forms.
Trap: a success is remembered by the content of all weights: nothing that differs in a bit shares one.
"""

from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from harness.engine.policies import Policies
    from harness.spectra import Change, Frame
    from harness.spectra.content_cache import ContentCache
    from harness.training.policy import Policy
    from torch import Generator, Tensor

    State = Mapping[str, Tensor]

FRAMES_BYTES, VALUES_BYTES = 1400 * 2**20, 64 * 2**20
LARGE = 2**20
"""Bytes from which a block is mapped by itself: frames kept among weights let go had a process grow from 7 to 10 GB."""


class Restored(NamedTuple):
    """Shares of the gain that the tuned frames keep at the base's values, with either's embeddings and norms."""

    beside: float
    on_base: float


_POLICIES: "dict[str, Policy]" = {}
_SUCCESS: dict[tuple, float] = {}
_RESTORED: dict[str, Restored] = {}
_LAST: "dict[str, Whole]" = {}


class Whole:
    """One arm of one replicate, with all of its weights.

    Args:
        models: makes policies of arms.
        arm: as trained.
    """

    def __init__(self, models: "Policies", arm: "Change"):
        from harness.memory import return_large_blocks
        from harness.training.runs import projections

        return_large_blocks(LARGE)
        self.run = arm.run_keys[0]
        self.policy = policy(models, arm)
        self.first, self.last = models.weights(arm, "first"), models.weights(arm)
        kept = {id(tensor) for tensor in projections(self.first).values()}
        self.names = sorted(name for name, tensor in self.first.items() if id(tensor) in kept)

    def beside(self, rng: "Generator", values: str) -> float:
        """Kept by the tuned frames with other singular values, beside the arm's other weights.

        Args:
            rng: draws random values.
            values: "base", "tuned" or "random"; "none" puts the base's matrices there.
        """
        made = {
            "base": lambda: self.restored.beside,
            "tuned": lambda: self._share(self.last, {}),
            "random": lambda: self._share(self.last, self._each(lambda w0, w: exchanged(w, _drawn(_values(w), w0, w, rng)))),
            "none": lambda: self._share(self.last, self._each(lambda w0, w: w0)),
        }
        return made[values]()

    def on_base(self, rng: "Generator", part: str) -> float:
        """Brought to the base by a part of the matrices' change.

        Args:
            rng: draws random values.
            part: "spectrum", "random", "frames" (the base's values in the tuned frames), or "both".
        """
        made = {
            "spectrum": lambda: self._share(self.first, self._each(lambda w0, w: exchanged(w0, _values(w) - _values(w0)))),
            "random": lambda: self._share(self.first, self._each(lambda w0, w: exchanged(w0, _drawn(_values(w0), w0, w, rng)))),
            "frames": lambda: self.restored.on_base,
            "both": lambda: self._share(self.first, self._each(lambda w0, w: w)),
        }
        return made[part]()

    @property
    def restored(self) -> Restored:
        """Made once, since it takes the tuned frames, and remembered by the run."""
        if self.run not in _RESTORED:
            matrices = self._each(lambda w0, w: exchanged(w, _values(w0) - _values(w)))
            _RESTORED[self.run] = Restored(self._share(self.last, matrices), self._share(self.first, matrices))
        return _RESTORED[self.run]

    @cached_property
    def gain(self) -> float:
        """Of the arm as trained."""
        return success(self.policy, self.last) - self._start

    @cached_property
    def _start(self) -> float:
        return success(self.policy, self.first)

    def _each(self, new: "Callable[[Tensor, Tensor], Tensor]") -> "State":
        return {name: new(self.first[name], self.last[name]) for name in self.names}

    def _share(self, others: "State", matrices: "State") -> float:
        return (success(self.policy, {**others, **matrices}) - self._start) / self.gain


def whole(models: "Policies", arm: "Change") -> Whole:
    """The arm with all of its weights; the last one asked for is remembered by its run."""
    (run, *_) = arm.run_keys
    if run not in _LAST:
        _LAST.clear()
        _LAST[run] = Whole(models, arm)
    return _LAST[run]


def forget() -> None:
    """Let go of weights and frames (3 GB); what was found stays."""
    _LAST.clear()
    _frames().clear()


def policy(models: "Policies", arm: "Change") -> "Policy":
    """A policy on the arm's task that can hold any weights of its architecture; one serves every seed."""
    if arm.graded not in _POLICIES:
        _POLICIES[arm.graded] = models.base(arm)
    return _POLICIES[arm.graded]


def success(asked: "Policy", state: "State") -> float:
    """Expected reward on held-out problems of a model with these weights, remembered by their content."""
    from harness.spectra.content_cache import content_key

    address = (asked.task.name, *(content_key(state[name]) for name in sorted(state)))
    if address not in _SUCCESS:
        _SUCCESS[address] = held_out_success(asked.holding(state))
    return _SUCCESS[address]


def held_out_success(asked: "Policy") -> float:
    """`Policy.held_out_success` to fp32, with what all prompts begin with read once: 35 of 39 tokens of few-shot addition."""
    import torch
    from harness.training import data
    from harness.training.sampler import Rollout, completion_logps

    problems = asked.held_out()
    ids, targets = data.encode_demonstrations(asked.tokenizer, asked.task, problems, answer_only=True)
    length = data.encode_prompts(asked.tokenizer, asked.task, problems).shape[1]
    mask = targets[:, length - 1 :] != data.IGNORED
    with torch.no_grad():
        found = completion_logps(asked.model, Rollout(ids, length, mask.float()), temperature=asked.temperature)
    return (found.double() * mask).sum(1).exp().mean().item()


def exchanged(matrix: "Tensor", shift: "Tensor") -> "Tensor":
    """The matrix with its singular values moved, in its own frames and its dtype.

    Args:
        matrix: (m, n).
        shift: (q,) fp64, added to the values, largest first.
    """
    from harness.interventions.spectrum import frame_sum

    return (matrix.double() + frame_sum(_frame(matrix), shift)).to(matrix.dtype)


def _drawn(about: "Tensor", w0: "Tensor", w: "Tensor", rng: "Generator") -> "Tensor":
    """A shift as long as that of the values in training, in a random direction."""
    from harness.interventions.random_spectrum import random_shift

    return random_shift(about, (_values(w) - _values(w0)).norm().item(), rng)


def _frame(matrix: "Tensor") -> "Frame":
    from harness.spectra.frame import decompose

    return _frames().get(matrix, "frame", lambda: decompose(matrix), size=lambda frame: sum(each.nbytes for each in frame))


def _values(matrix: "Tensor") -> "Tensor":
    return _all_values().get(matrix, "values", lambda: _frame(matrix).S.clone(), size=lambda values: values.nbytes)


@lru_cache(maxsize=1)
def _frames() -> "ContentCache":
    from harness.spectra.content_cache import ContentCache

    return ContentCache(FRAMES_BYTES)


@lru_cache(maxsize=1)
def _all_values() -> "ContentCache":
    from harness.spectra.content_cache import ContentCache

    return ContentCache(VALUES_BYTES)
