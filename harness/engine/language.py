"""`lm`: what a claim's body asks for where it is about pretraining. It turns an arm of the bench into what its run left.

    lm.loss(lm_galore)                   nats a character on the evaluation split, at the end
    lm.run(lm_galore).gradients(40)      and everything else in harness.training.lm_run: curve, size of the optimizer, time

An arm as trained has the loss that was recorded; a null, a plant or a rescaled change is put into the trained model in the place
of its matrices, and that model is evaluated. So a null passes through the text as it does through a measure.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from harness.engine import arms
from harness.errors import SpecError
from harness.spectra import Change
from harness.training import recipes
from harness.training.lm_run import LanguageRun
from harness.training.runs import projections

if TYPE_CHECKING:
    from harness.engine.lab import Lab


class LanguageRuns:
    """Runs of one replicate.

    Args:
        lab: where runs come from.
        seed: the replicate.
        trained: the arms as trained; any other change of theirs is one that no run made.
    """

    def __init__(self, lab: "Lab", seed: int, trained: Sequence[Change] = ()):
        self._lab, self._seed, self._trained = lab, seed, tuple(trained)

    def run(self, arm: Change) -> LanguageRun:
        """The run behind a change.

        Raises:
            SpecError: it is not one of a language model.
        """
        recipe = None if arm.arm is None or arm.arm in arms.SYNTHETIC else recipes.get(arm.arm, self._lab.scale)
        if recipe is None or recipe.lm is None:
            raise SpecError(f"lm has no language model for {arm.label}: ask for one of an arm lm_*.")
        return LanguageRun(self._lab.run(arm.arm, self._seed), recipe)

    def loss(self, arm: Change) -> float:
        """Nats a character on the evaluation split."""
        run = self.run(arm)
        if any(arm is each for each in self._trained):
            return run.curve()[run.run.steps[-1]].loss
        model, tuned = run.model(), arm.tuned()
        with torch.no_grad():
            for name, parameter in projections(dict(model.named_parameters())).items():
                parameter.copy_(tuned[name])
        return run.held_out(model).loss
