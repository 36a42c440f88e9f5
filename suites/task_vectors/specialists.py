"""Specialists of one base, merged: what the one model does of what each of them does.

    value(W) = mean over specialists e of success_t(W) / success_t(e),  t the task of e
    success_t: probability of the right answer, mean over problems of t (harness/training/policy.py)

Whole models are merged: embeddings and head by the rule, as all matrices; norms by the rule where it takes vectors, else by
their mean. A rule's factor is tuned on TRAINING problems, on a grid of one size for every rule; the value is of held-out ones.
Grids are those of the sheet (peft_merge 3.5) brought to six factors, and 0: where merging does harm, the base can be had.

Shuffled specialists are the null: each parameter's update with its entries permuted. Norm, sparsity and the sizes of entries
stay; what was learned does not.
Trap: a value of 1 may be a rise on one task and a loss on another: `kept` gives them one by one.
Trap: a merge of specialists as trained is remembered by its runs, so that claims share a grid; no other merge is.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from math import fsum, sqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from harness.engine.policies import Policies
    from harness.spectra import Change
    from torch import Generator, Tensor

    State = Mapping[str, Tensor]

SUMS = (0.0, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5)
"""Factors of a sum of task vectors."""

MEANS = (0.0, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
"""Factors of a mean of what agrees."""

GRIDS = {
    "task-arithmetic": SUMS,
    "dare": SUMS,
    "ties": MEANS,
    "knots": MEANS,
    "tsv-m": (0.0, 0.5, 0.7, 1.0, 1.3, 1.6, 2.0),
    "iso-c": (0.0, 0.5, 0.7, 1.0, 1.3, 1.6, 2.0),
    "iso-cts": (0.0, 0.5, 0.7, 1.0, 1.3, 1.6, 2.0),
}
"""Factors tried of each rule."""

PAPERS_OWN = {"ties": {"scope": "model"}}
"""Options in which a paper's code differs from the harness' defaults."""

HELD_OUT, TRAINING = "held-out", "training"
TUNED_ON = 128
"""Training problems a task that a factor is chosen on."""

_REMEMBERED: dict[tuple, dict[str, float]] = {}


class Tuned(NamedTuple):
    """The factor that was best on training problems, and the merged state."""

    lam: float
    state: "State"


class Specialists:
    """Specialists of one replicate, ready to merge.

    Args:
        models: makes policies of arms.
        experts: arms as trained, of one base.
        rng: draws what is shuffled.
        made: "trained", or "shuffled" for the null. Values are over the successes of the specialists as trained in either case.
        rel: where given, each specialist's update is stretched so that its matrices have this norm relative to the base's.
    """

    def __init__(
        self, models: "Policies", experts: Sequence["Change"], rng: "Generator", made: str = "trained", rel: float | None = None
    ):
        self.policy = models.base(experts[0])
        self.base = models.weights(experts[0], "first")
        self.trained = [models.weights(each) for each in experts]
        self.tasks = [each.graded for each in experts]
        self.states: list[State] = list(self.trained)
        if made == "shuffled":
            self.states = [shuffled(self.base, each, rng) for each in self.states]
        if rel is not None:
            self.states = [lengthened(self.base, each, rel / relative_size(self.base, each)) for each in self.states]
        self._runs = tuple(each.run_keys[0] for each in experts)
        self._remembers = made == "trained" and rel is None

    def with_states(self, states: Sequence["State"]) -> "Specialists":
        """The same with others in the place of the specialists to be merged; nothing of it is remembered."""
        other = copy.copy(self)
        other.states, other._remembers = list(states), False
        return other

    def merged(self, method: str, extras: Sequence["State"] | None = None, **options: object) -> "State":
        """The state that a rule makes of them."""
        import harness as h

        return h.merge(method, self.base, self.states, extras=extras, **{**PAPERS_OWN.get(method, {}), **options})

    def tuned(self, method: str, **options: object) -> Tuned:
        """A rule without extras at the factor whose value on training problems is the largest; the smallest of such."""
        whole = self.merged(method, lam=1.0, **options)
        at = [self._at(method, whole, lam) for lam in GRIDS[method]]
        values = [
            self._value(self._known((method, lam, TRAINING, *sorted(options.items())), state, TRAINING), TRAINING)
            for lam, state in zip(GRIDS[method], at, strict=True)
        ]
        best = values.index(max(values))
        return Tuned(GRIDS[method][best], at[best])

    def best(self, method: str, **options: object) -> float:
        """Held-out value of a rule without extras, tuned where it has a factor."""
        lam, state = self.tuned(method, **options) if method in GRIDS else (1.0, self.merged(method, **options))
        return self._value(self._known((method, lam, HELD_OUT, *sorted(options.items())), state, HELD_OUT), HELD_OUT)

    def retained(self, states: Sequence["State"]) -> float:
        """Mean over specialists of what is left of each in a state of its own: what pruned it, say."""
        left = [self.successes(s, tasks=[t])[t] / own for s, t, own in zip(states, self.tasks, self.own(), strict=True)]
        return fsum(left) / len(left)

    def value(self, state: "State", split: str = HELD_OUT) -> float:
        """Mean over specialists of what the state keeps of them."""
        return self._value(self.successes(state, split), split)

    def kept(self, state: "State", split: str = HELD_OUT) -> list[float]:
        """success of the state / success of the specialist, of each specialist."""
        found = self.successes(state, split)
        return [found[task] / own for task, own in zip(self.tasks, self.own(split), strict=True)]

    def gained(self, state: "State") -> list[float]:
        """(success of the state - of the base) / (of the specialist - of the base), of each specialist."""
        found, start, own = self.successes(state), self.successes(self.base), self.own()
        return [(found[task] - start[task]) / (own[at] - start[task]) for at, task in enumerate(self.tasks)]

    def own(self, split: str = HELD_OUT) -> list[float]:
        """Success of each specialist as trained on its own task."""
        pairs = list(zip(self._runs, self.trained, self.tasks, strict=True))
        return [_once((run, split), lambda s=s, t=t: self.successes(s, split, [t]))[t] for run, s, t in pairs]

    def successes(self, state: "State", split: str = HELD_OUT, tasks: Sequence[str] | None = None) -> dict[str, float]:
        """Success of a whole state on each task."""
        policy = self.policy.holding(state)
        found = {}
        for task in dict.fromkeys(tasks or self.tasks):
            on = policy.on(task)
            found[task] = on.success(on.held_out() if split == HELD_OUT else on.problems(TUNED_ON, seed=0)).mean().item()
        return found

    def _value(self, found: Mapping[str, float], split: str) -> float:
        own = self.own(split)
        return fsum(found[task] / each for task, each in zip(self.tasks, own, strict=True)) / len(own)

    def _at(self, method: str, whole: "State", lam: float) -> "State":
        """The merge at a factor from that at 1: every rule with a grid is linear in it. Means of vectors have no factor."""
        from harness.merging import RULES
        from harness.merging.rule import taken_by

        moved = lengthened(self.base, whole, lam)
        vectors = RULES[method].vectors
        if vectors is None or taken_by(vectors, {"lam": lam}):
            return moved
        return {name: moved[name] if w0.ndim == 2 else whole[name] for name, w0 in self.base.items()}

    def _known(self, address: tuple, state: "State", split: str) -> dict[str, float]:
        if not self._remembers:
            return self.successes(state, split)
        return _once((self._runs, *address), lambda: self.successes(state, split))


def shuffled(base: "State", state: "State", rng: "Generator") -> "State":
    """The state whose update has its entries permuted, parameter by parameter."""
    import torch

    def permuted(name: str) -> "Tensor":
        tau = (state[name] - base[name]).flatten()
        return base[name] + tau[torch.randperm(len(tau), generator=rng)].view_as(base[name])

    return {name: permuted(name) for name in base}


def masked(base: "State", state: "State", density: float, rng: "Generator") -> "State":
    """The state with each entry of its update kept with this probability, and not rescaled."""
    import torch

    kept = {name: torch.rand(w0.shape, generator=rng) < density for name, w0 in base.items()}
    return {name: torch.where(kept[name], state[name], w0) for name, w0 in base.items()}


def low_rank(base: "State", state: "State", share: float, rng: "Generator | None" = None) -> "State":
    """The state with a share of the singular triplets of each matrix' update, the leading ones or, with rng, any.

    At least one is kept; vectors keep their update whole.
    """
    import torch

    def cut(name: str) -> "Tensor":
        u, s, vh = torch.linalg.svd(state[name].double() - base[name].double(), full_matrices=False)
        k = max(1, int(share * len(s)))
        kept = torch.arange(k) if rng is None else torch.randperm(len(s), generator=rng)[:k]
        return (base[name].double() + (u[:, kept] * s[kept]) @ vh[kept]).to(base[name].dtype)

    return {name: cut(name) if w0.ndim == 2 else state[name] for name, w0 in base.items()}


def lengthened(base: "State", state: "State", factor: float) -> "State":
    """The state at a multiple of its update."""
    return {name: w0 + factor * (state[name] - w0) for name, w0 in base.items()}


def relative_size(base: "State", state: "State") -> float:
    """|W - W0|_F / |W0|_F over all matrices at once."""
    matrices = [name for name, w0 in base.items() if w0.ndim == 2]
    moved = fsum((state[name].double() - base[name].double()).square().sum().item() for name in matrices)
    return sqrt(moved / fsum(base[name].double().square().sum().item() for name in matrices))


def _once(address: tuple, find: Callable[[], dict[str, float]]) -> dict[str, float]:
    if address not in _REMEMBERED:
        _REMEMBERED[address] = find()
    return _REMEMBERED[address]


def drawn_seed(rng: "Generator") -> int:
    """A seed for rules that draw by themselves."""
    import torch

    return int(torch.randint(2**31, (1,), generator=rng))
