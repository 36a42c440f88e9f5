"""A model as a policy on its task: what it answers, how often it is right, and what an update would make of it.

Gate I and the curvature of a loss are about functions, not about weights: their claims ask the engine for `models`, which
gives the policy that an arm started from and the one that its update leads to.
"""

import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from harness.errors import SpecError
from harness.models.weights import projections, short_name
from harness.tasks.base import Problem, Task
from harness.training import data
from harness.training.sampler import Rollout, sample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase



AT_ONCE = 64
"""Demonstrations scored in one forward: the logits of a real model take 17 MB a row, in fp64."""


@dataclass(frozen=True, eq=False)
class Policy:
    """A model that answers a task.

    Attributes:
        model: fp32, in eval mode; shared by whoever asked, so it must not be trained.
        tokenizer: its tokenizer.
        task: problems and verifier.
        temperature: of sampling, that of the arm's recipe.
        known_accuracy: held-out accuracy where it was measured when the weights were made, else None.
        asked, group: problems, and answers to each, that `answers` samples where it is not told.
        others: tasks by name that the model has seen besides, of the base that it was tuned from.
    """

    model: nn.Module
    tokenizer: "PreTrainedTokenizerBase"
    task: Task
    temperature: float = 1.0
    known_accuracy: float | None = None
    asked: int = 32
    group: int = 8
    others: Mapping[str, Task] = field(default_factory=dict)

    def on(self, name: str) -> "Policy":
        """The same model on another task of its base's, or on its own.

        Raises:
            SpecError: it has not seen that task.
        """
        if name == self.task.name:
            return self
        if name not in self.others:
            known = ", ".join(sorted({self.task.name, *self.others}))
            raise SpecError(f"the policy was not trained on a task {name!r}: ask for one of {known}.")
        return replace(self, task=self.others[name], known_accuracy=None, others={**self.others, self.task.name: self.task})

    def problems(self, count: int, seed: int) -> list[Problem]:
        """Training problems, drawn with repetition."""
        return self.task.problems(count, random.Random(seed))

    def answers(self, generator: torch.Generator) -> Rollout:
        """Sampled answers to training problems, without a graph.

        Args:
            generator: draws the answers, and by its initial seed the problems; on the model's device.
        """
        asked = self.problems(self.asked, generator.initial_seed())
        prompts = data.encode_prompts(self.tokenizer, self.task, asked).to(self.device)
        limits = dict(
            max_new_tokens=self.task.max_new_tokens, end=data.end_token(self.tokenizer, self.task), pad=self.tokenizer.pad_token_id
        )
        with torch.no_grad():
            return sample(self.model, prompts, temperature=self.temperature, generator=generator, group=self.group, **limits)

    @torch.no_grad()
    def success(self, problems: list[Problem]) -> Tensor:
        """(N,) fp64: probability of each problem's demonstration, token by token, at the policy's temperature.

        It is the exact rate of success where the verifier accepts that one completion (addition, sorting), and a lower bound
        where it accepts others.
        """
        parts = [problems[i : i + AT_ONCE] for i in range(0, len(problems), AT_ONCE)]
        return torch.cat([self._success(part) for part in parts])

    def _success(self, problems: list[Problem]) -> Tensor:
        examples = data.encode_demonstrations(self.tokenizer, self.task, problems, answer_only=True)
        ids, targets = examples.ids.to(self.device), examples.targets.to(self.device)
        logits = self.model(ids, use_cache=False).logits[:, :-1].double() / self.temperature
        kept = targets != data.IGNORED
        chosen = logits.log_softmax(-1).gather(2, targets.where(kept, 0)[:, :, None]).squeeze(2)
        return (chosen * kept).sum(1).exp().cpu()

    def kl_loss(self, rollout: Rollout) -> Callable[[], Tensor]:
        """Gives KL(this policy as it is now | the model as it will be), a scalar per token of the answers, with a graph.

        At the policy itself it is 0, its gradient is 0 and its Hessian is the Fisher matrix: what `h.hvp` then measures is
        the curvature that a KL leash is about.
        """

        def log_probabilities() -> Tensor:
            kept = rollout.completions.shape[1] + 1
            logits = self.model(rollout.ids, use_cache=False, logits_to_keep=kept).logits[:, :-1]
            return (logits / self.temperature).log_softmax(-1)

        with torch.no_grad():
            now = log_probabilities()

        def loss() -> Tensor:
            divergence = (now.exp() * (now - log_probabilities())).sum(-1)
            return (divergence * rollout.mask).sum() / rollout.mask.sum()

        return loss

    @cached_property
    def accuracy(self) -> float:
        """Greedy exact match on held-out problems, from lm-eval."""
        if self.known_accuracy is not None:
            return self.known_accuracy
        from harness.training.train import capability

        return capability(self.model, self.tokenizer, [self.task])[self.task.name]

    def held_out(self) -> list[Problem]:
        """The problems that `accuracy` is measured on."""
        from harness.training.train import EVALUATED

        return self.task.problems(min(EVALUATED, self.task.size("test")), random.Random(0), "test")

    @cached_property
    def held_out_success(self) -> float:
        """Mean of `success` on the held-out problems: where that is the rate of success, the expected reward there.

        It moves where accuracy, which counts greedy answers, stands still: no answer has to flip.
        """
        return self.success(self.held_out()).mean().item()

    def parameters(self, like: Mapping[str, Tensor]) -> dict[str, nn.Parameter]:
        """The model's own matrices of these short names, by short name; gradients may be taken through them."""
        named = self._matrices()
        return {name: named[name] for name in like}

    def by_parameter(self, update: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """An update by the names that its matrices have in the model."""
        tensors = {short_name(name): name for name, _ in self.model.named_parameters()}
        return {tensors[name]: d for name, d in update.items()}

    def moved_to(self, matrices: Mapping[str, Tensor]) -> "Policy":
        """Another policy with these matrices in the place of its own; all other parameters are shared values, copied."""
        model = copy.deepcopy(self.model)
        moved = replace(self, model=model, known_accuracy=None)
        with torch.no_grad():
            for name, parameter in moved.parameters(matrices).items():
                parameter.copy_(matrices[name])
        return moved

    def holding(self, weights: Mapping[str, Tensor]) -> "Policy":
        """Another policy with these values of every parameter, by the names that they have in the model.

        Raises:
            TrainingError: a name is missing or unknown, or a shape differs.
        """
        from harness.training.train import load_weights

        model = copy.deepcopy(self.model)
        load_weights(model, dict(weights))
        return replace(self, model=model, known_accuracy=None)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def _matrices(self) -> dict[str, nn.Parameter]:
        own = dict(self.model.named_parameters())
        return {each.name: own[each.tensor] for each in projections({name: p.ndim for name, p in own.items()})}
