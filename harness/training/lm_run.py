"""What a run of the pretraining bench left, beside its weights: losses, the optimizer's size, time, and gradients on demand.

    gradients(step)          G of every matrix on probe windows, at the weights after that step
    gradients(step, draw=1)  the same on other windows; step_gradients(step) on the very batch that the next step saw
    shuffled=True            the same with targets dealt out anew: what of G is there without anything to learn?

Gradients are not stored. Every kept step has its weights, the text is fixed, so any gradient can be taken when a claim asks for
it, in fp32 and on as many characters as it wants, and a run is no larger for it: 12 kept steps of .4 MB.
Trap: one batch's gradient is rank-deficient where it has fewer characters than the matrix has rows; the probe has 12288.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from harness.errors import TrainingError
from harness.tasks.corpus import Split
from harness.training import lm
from harness.training.lm import Batch, HeldOut
from harness.training.recipe import Recipe
from harness.training.runs import Run, projections

if TYPE_CHECKING:
    from harness.spectra.kfac import KroneckerFactors
    from harness.training.lm_trace import Trace

PROBE = 192
"""Windows of a probe: 12288 characters, as in the sheet's E6."""


@dataclass(frozen=True)
class LanguageRun:
    """One run of a language model on a text.

    Attributes:
        run: as it lies in the cache.
        recipe: its recipe.
    """

    run: Run
    recipe: Recipe

    def curve(self) -> dict[int, HeldOut]:
        """Loss and accuracy on the evaluation split, by kept step."""
        return {row["step"]: HeldOut(row["loss"], row["accuracy"]) for row in self.run.manifest["held_out"]}

    def state_elements(self) -> dict[str, int]:
        """Tensor elements that the optimizer remembered of each matrix at the end, counters aside."""
        return dict(self.run.manifest["optimizer_state"])

    def step_seconds(self) -> float:
        """Median wall time of a step, without those that snapshots were taken in; depends on what else the machine did.

        Raises:
            TrainingError: the run was too short to have two such steps.
        """
        rows, kept = self.run.log, set(self.run.steps)
        pairs = zip(rows, rows[1:], strict=False)
        taken = sorted(b["seconds"] - a["seconds"] for a, b in pairs if not {a["step"], b["step"]} & kept)
        if not taken:
            raise TrainingError(f"Run {self.run.key} has no two steps without a snapshot: its pace cannot be read.")
        return taken[len(taken) // 2]

    def model(self, step: int = -1) -> nn.Module:
        """A model of its own with the weights after a kept step, fp32 on the CPU."""
        from harness.training.train import with_weights

        return with_weights(self.run.scale, self.run.seed, self.run.weights(step))[0]

    def held_out(self, model: nn.Module, split: Split = "evaluation") -> HeldOut:
        """Loss and accuracy of any model of this architecture on a split of the run's text."""
        return lm.held_out(model, self._tokenizer, self.recipe, split)

    def probe(self, *, draw: int = 0, windows: int = PROBE, context: int | None = None, shuffled: bool = False) -> Batch:
        """Windows of the training split that belong to no step.

        Args:
            draw: which windows; the same ones for every arm, seed and step.
            windows: how many.
            context: characters of each; the recipe's if None.
            shuffled: deal the targets out anew.
        """
        generator = torch.Generator().manual_seed(7_000_000 + draw)
        dealer = torch.Generator().manual_seed(draw) if shuffled else None
        return lm.draw(self._text, windows, context or self.recipe.lm.context, generator, dealer)

    def gradients(
        self, step: int = -1, *, draw: int = 0, windows: int = PROBE, context: int | None = None, shuffled: bool = False
    ) -> dict[str, Tensor]:
        """dL/dW of every judged matrix on a `probe`, (m, n) fp32, by short name.

        Args:
            step: one of `run.steps`; -1 is the last.
            draw, windows, context, shuffled: as in `probe`.
        """
        return self._gradients(step, self.probe(draw=draw, windows=windows, context=context, shuffled=shuffled))

    def step_gradients(self, step: int) -> dict[str, Tensor]:
        """What the optimizer was given at step + 1, before clipping: the gradient of that step's own batch.

        Raises:
            TrainingError: the weights of this step were not kept.
        """
        seen = lm.batches(self.recipe, self._text, self.run.seed)
        return self._gradients(step, next(islice(seen, step, None)))

    def trace(self, step: int, count: int, **options: int | float | str | bool | None) -> "Trace":
        """A few more steps from a kept step, watched from inside the optimizer: see harness.training.lm_trace."""
        from harness.training.lm_trace import trace

        return trace(self, step, count, **options)

    def kfac(self, step: int = -1, **options: int | bool) -> "dict[str, KroneckerFactors]":
        """Kronecker factors of every matrix's curvature, on other windows than `gradients`: see harness.training.lm_kfac."""
        from harness.training.lm_kfac import lm_kfac

        return lm_kfac(self, step, **options)

    def _gradients(self, step: int, batch: Batch) -> dict[str, Tensor]:
        model = self.model(step)
        matrices = projections(dict(model.named_parameters()))
        found = torch.autograd.grad(lm.cross_entropy(model, batch), list(matrices.values()))
        return dict(zip(matrices, found, strict=True))

    @cached_property
    def _text(self) -> Tensor:
        return lm.tokens(self._tokenizer, self.recipe.lm.corpus, "train")

    @cached_property
    def _tokenizer(self) -> object:
        from harness.models.tokenizer import character_tokenizer

        return character_tokenizer()
