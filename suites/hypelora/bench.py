"""Calibration of an arm at one of its kept steps: what it says of held-out problems, beside the labels that they are told.

    error      ECE (harness/calibration.py)
    accuracy   share of held-out problems whose label it gives
    fit        mean cross-entropy of the pool's answers, as told: how far they are learned by heart

Labels of held-out problems are wrong in the share in which those of the pool are, by the same rule, for every arm alike.
What a run says at a step is remembered by its key, so that claims share it.
No torch is imported before a method is called.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from harness.training.adapter_arms_hypelora import LONG, NOISE, POOL
from suites.hypelora import reading

if TYPE_CHECKING:
    from harness.engine.policies import Policies
    from harness.spectra import Change
    from harness.tasks.base import Problem
    from torch import Generator, Tensor

OUTSIDE = 300
"""Training problems outside the pool that a temperature is chosen on."""

SHARPER = 0.5

_REMEMBERED: dict[tuple, object] = {}


class Said(NamedTuple):
    """Predictions and labels.

    Attributes:
        log_p: (n, K) fp64.
        labels: (n,) classes as told.
    """

    log_p: "Tensor"
    labels: "Tensor"


class Bench:
    """Arms of one replicate.

    Args:
        models: makes policies of arms.
        rng: draws labels where they are a model's own, and permutations.
    """

    def __init__(self, models: "Policies", rng: "Generator"):
        self._models, self._rng = models, rng

    def said(self, arm: "Change", step: int) -> Said:
        """Of held-out problems."""
        return self._once("said", arm, step, lambda policy: self._said(policy, arm, policy.held_out()))

    def error(self, arm: "Change", step: int, labels: str = "told", temperature: float = 1.0) -> float:
        """ECE.

        Args:
            arm: as trained.
            step: one of its kept steps.
            labels: "told", or "own" for labels drawn from the predictions.
            temperature: that the logits are divided by.
        """
        import torch
        from harness.calibration import expected_calibration_error

        said = self.said(arm, step)
        p = reading.at_temperature(said.log_p, temperature)
        own = labels == "own"
        return expected_calibration_error(p, torch.multinomial(p, 1, generator=self._rng)[:, 0] if own else said.labels)

    def accuracy(self, arm: "Change", step: int, shuffled: bool = False) -> float:
        """Share of held-out labels given; `shuffled` gives each problem the answer to another."""
        import torch

        said = self.said(arm, step)
        given = said.log_p.argmax(1)
        given = given[torch.randperm(len(given), generator=self._rng)] if shuffled else given
        return (given == said.labels).double().mean().item()

    def fit(self, arm: "Change", step: int) -> float:
        """Mean cross-entropy of the pool's answers as told."""
        from harness.training import labels

        def loss(policy) -> float:
            told = labels.told(policy.task, labels.pool(policy.task, arm.seed, POOL), NOISE, arm.seed)
            return -policy.success(told).log().mean().item()

        return self._once("fit", arm, step, loss)

    def error_at_fit(self, arm: "Change", fit: float) -> float:
        """ECE where the arm had fitted the pool so far: at its end where it never did, between two kept steps else."""
        steps = [LONG >> i for i in range(LONG.bit_length())]  # back from the end
        walked = [steps[0]]
        while self.fit(arm, walked[-1]) < fit and len(walked) < len(steps):
            walked.append(steps[len(walked)])
        later, earlier = walked[-2:] if len(walked) > 1 else (walked[0], walked[0])
        return between(fit, (self.fit(arm, earlier), self.fit(arm, later)), (self.error(arm, earlier), self.error(arm, later)))

    def temperature(self, arm: "Change", step: int) -> float:
        """The best temperature on training problems outside the pool, told as wrongly."""
        from harness.training import labels

        def best(policy) -> float:
            return reading.best_temperature(*self._said(policy, arm, labels.outside(policy.task, arm.seed, POOL, OUTSIDE)))

        return self._once("temperature", arm, step, best)

    def _said(self, policy, arm: "Change", problems: "Sequence[Problem]") -> Said:
        from harness.training import labels

        told = labels.told(policy.task, problems, NOISE, arm.seed)
        return Said(reading.log_probabilities(policy, problems), reading.classes(policy, told))

    def _once(self, what: str, arm: "Change", step: int, measure: Callable) -> object:
        address = (arm.run_keys[0], step, what)
        if address not in _REMEMBERED:
            _REMEMBERED[address] = measure(self._models.at(arm, step))
        return _REMEMBERED[address]


def between(at: float, ends: tuple[float, float], values: tuple[float, float]) -> float:
    """The value at a point of the line through two points; the nearer end's outside of them."""
    if ends[0] == ends[1]:
        return values[1]
    share = min(1.0, max(0.0, (at - ends[0]) / (ends[1] - ends[0])))
    return values[0] + share * (values[1] - values[0])


def frozen_less_trained(
    bench: Bench, frozen: "Change", lora: "Change", after: int, labels: str = "told", made: str = "trained"
) -> float:
    """ECE with a frozen factor less ECE without.

    Args:
        bench: of the replicate.
        frozen, lora: the two arms.
        after: steps.
        labels: as in `Bench.error`.
        made: "trained", or "tempered" for LoRA itself at its best temperature in the place of the frozen arm.
    """
    if made == "tempered":
        return bench.error(lora, after, labels, bench.temperature(lora, after)) - bench.error(lora, after, labels)
    return bench.error(frozen, after, labels) - bench.error(lora, after, labels)
