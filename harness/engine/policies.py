"""`models`: what a claim's body asks for where weights are not enough. It turns an arm's change into policies.

    models.base(rlvr)     the policy that the arm started from
    models.of(rlvr)       the policy that it became: all of its weights if `rlvr` is the arm as trained; the base with its
                          matrices moved where it is a null, a plant or a rescaled change, which have no other weights
    models.of(h.restored_spectrum(rlvr), others="tuned")     the arm with its matrices intervened on, all other weights kept
    models.at(rlvr, 8)    what it was after one of its kept steps
    models.rewards(rlvr)  what each of its training steps earned, of the arm as trained
    models.history(coso_second)   the directions of each matrix that earlier tasks spanned
    models.weights(rlvr)  every parameter of it, to be merged; models.second_moments(rlvr) what Adam knew of each
    models.base(rlvr).holding(merged).on("sorting")     merged weights, on another task of the base

So a null passes through a model as it does through a measure.
Trap: an arm trains embeddings and norms too. What an intervention on its matrices keeps of the gain is read beside the arm with
the others tuned; what matrices bring by themselves, beside the base with `arm.scaled(1.0)`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from harness.engine import arms
from harness.errors import SpecError
from harness.spectra import Change
from harness.training import recipes
from harness.training.cache import Request
from harness.training.policy import Policy
from harness.training.runs import Run

if TYPE_CHECKING:
    from harness.engine.lab import Lab
    from torch import Tensor


OF_A_TINY_MODEL, OF_A_REAL_MODEL = (32, 8), (4, 2)
"""Problems asked and answers to each, where a claim samples: a real model reads 40 tokens for each, in bf16 at 30 ms a token."""


class Policies:
    """Policies of one replicate.

    Args:
        lab: where runs and models come from.
        seed: the replicate.
        trained: the arms as trained; any other change of theirs is one that no run made.
    """

    def __init__(self, lab: "Lab", seed: int, trained: Sequence[Change] = ()):
        self._lab, self._seed, self._trained = lab, seed, tuple(trained)

    def base(self, arm: Change) -> Policy:
        """What the arm started from, its matrices being the change's base."""
        start = self._policy(self._run(arm), 0)
        released = any(arm.base is each.base for each in self._trained)  # stand-ins share it, a last step has its own
        return start if released else start.moved_to(arm.base)

    def of(self, arm: Change, others: Literal["base", "tuned"] = "base") -> Policy:
        """What the change leads to.

        Args:
            arm: of a trained arm; the arm as trained keeps all of its own weights.
            others: where the weights come from that are not the change's matrices, for any other change: "base" as the arm
                started, "tuned" as it ended.

        Raises:
            SpecError: no policy was trained for it, or `others` is another word.
        """
        if others not in ("base", "tuned"):
            raise SpecError(f"the other weights of a policy can be those of the 'base' or 'tuned', not {others!r}.")
        run = self._run(arm)
        if self._as_trained(arm):
            return self._policy(run, -1)
        return self._policy(run, 0 if others == "base" else -1).moved_to(arm.tuned())

    def at(self, arm: Change, step: int) -> Policy:
        """What an arm as trained was after one of its kept steps.

        Raises:
            SpecError: no run made this change.
            TrainingError: its run kept no weights at this step.
        """
        return self._policy(self._made(arm, "policy at a step"), step)

    def rewards(self, arm: Change) -> list[float]:
        """Mean reward of the batch at every training step of an arm as trained: of training problems, before the step's update.

        Raises:
            SpecError: no run made this change, or nothing was rewarded in it.
        """
        found = [row["reward"] for row in self._run(arm).log]
        if not self._as_trained(arm) or None in found:
            raise SpecError(f"models has no rewards for {arm.label}: ask for those of an arm trained by reinforcement, as trained.")
        return found

    def weights(self, arm: Change, step: Literal["first", "last"] = "last") -> "dict[str, Tensor]":
        """Every parameter of an arm as trained, fp32, by its name in the model, or of what it started from.

        Raises:
            SpecError: no run made this change.
        """
        return self._made(arm, "weights").weights(0 if step == "first" else -1)

    def second_moments(self, arm: Change) -> "dict[str, Tensor]":
        """Adam's exp_avg_sq at the end, for an arm as trained, by the same names.

        Raises:
            SpecError: no run made this change.
            TrainingError: its recipe kept none.
        """
        return self._made(arm, "second moments").second_moments()

    def adapter(self, arm: Change) -> "dict[str, Tensor]":
        """What trained of an arm's adapters, by its name in the wrapped model.

        Raises:
            SpecError: no run made this change.
            TrainingError: its run trained no adapters.
        """
        return self._made(arm, "adapter").adapter_tensors()

    def history(self, arm: Change) -> "dict[str, Tensor]":
        """Directions (in, h) of every matrix, by short name, that the tasks before an arm's own spanned.

        Raises:
            SpecError: its base left none.
        """
        before = self._run(arm).base
        found = before.history() if before else None
        if found is None:
            raise SpecError(f"models has no history for {arm.label}: ask for that of an arm whose base left one.")
        return found

    def _made(self, arm: Change, what: str) -> Run:
        run = self._run(arm)
        if not self._as_trained(arm):
            raise SpecError(f"models has no {what} for {arm.label}: ask for those of an arm as trained.")
        return run

    def _run(self, arm: Change) -> Run:
        if arm.arm is None or arm.arm in arms.SYNTHETIC:
            raise SpecError(f"models has no policy for {arm.label}: ask for one of a trained arm.")
        recipe = recipes.get(arm.arm, self._lab.scale)
        if recipe is not None and recipe.lm is not None:
            raise SpecError(f"models has no policy for {arm.label}, which predicts a text and answers nothing: ask for lm.")
        return self._lab.run(arm.arm, self._seed)

    def _as_trained(self, arm: Change) -> bool:
        return any(arm is each for each in self._trained)

    def _policy(self, run: Run, step: int) -> Policy:
        from harness.training.train import evaluated_tasks, with_weights

        model, tokenizer = with_weights(run.scale, run.seed, run.weights(step))
        recipe = recipes.get(run.arm, run.scale)
        task = recipe.tasks()[recipe.graded]
        known = run.capability_by_step[run.steps[-1] if step == -1 else step][recipe.graded]
        asked, group = OF_A_REAL_MODEL if run.root else OF_A_TINY_MODEL
        others = {each.name: each for each in evaluated_tasks(Request(run.arm, run.scale, run.seed)) if each.name != task.name}
        return Policy(model.to(self._lab.device), tokenizer, task, recipe.temperature, known, asked, group, others)
