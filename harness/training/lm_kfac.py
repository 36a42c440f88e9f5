"""Kronecker factors of the curvature of a run of the pretraining bench, at the weights after a kept step.

    A = E[a a^T] of each matrix's inputs,   G = E[g g^T] of dl_t / dy summed over the t that a position reaches

over the positions of probe windows, targets from the text: the empirical Fisher. 12288 positions, in fp64, .6 CPU-s.
Source: WeLore 2407.11239 ("curvature geometry"); sheet of the low-rank literature, E8; harness.spectra.kfac.
Trap: a gradient and factors of one batch align by construction. Windows of `gradients()` are draw 0, those here draw 1.
Trap: targets of the text make G small where the model is right, as they make the gradient: that is no Hessian.
"""

from functools import lru_cache

from torch.nn import functional

from harness.models.weights import projections
from harness.spectra.kfac import KroneckerFactors, kfac_factors
from harness.training.lm import Batch
from harness.training.lm_run import PROBE, LanguageRun

CHUNK = 48
"""Windows that are run through the model at once."""


@lru_cache(maxsize=4)
def lm_kfac(
    run: LanguageRun, step: int = -1, *, draw: int = 1, windows: int = PROBE, shuffled: bool = False
) -> dict[str, KroneckerFactors]:
    """Both factors of every judged matrix, by short name; remembered for the runs last asked for, so not to be written to.

    Args:
        run: as of `lm.run(arm)`.
        step: one of its kept steps; -1 is the last.
        draw, windows, shuffled: which windows, as in `LanguageRun.gradients`.

    Raises:
        TrainingError: the weights of this step were not kept.
    """
    model, batch = run.model(step), run.probe(draw=draw, windows=windows, shuffled=shuffled)
    found = projections({name: p.ndim for name, p in model.named_parameters()})
    layers = {each.name: model.get_submodule(each.tensor.removesuffix(".weight")) for each in found}

    def losses(part: Batch):
        logits = model(part.ids, use_cache=False).logits
        return functional.cross_entropy(logits.flatten(0, 1), part.targets.flatten(), reduction="none")

    parts = [Batch(*pair) for pair in zip(batch.ids.split(CHUNK), batch.targets.split(CHUNK), strict=True)]
    return kfac_factors(layers, [lambda part=part: losses(part) for part in parts])
