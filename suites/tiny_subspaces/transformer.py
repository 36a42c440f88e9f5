"""The top space of the Hessian of a model of the pretraining bench, over its attention and MLP matrices together.

    H of the cross-entropy on probe windows, at the weights after a kept step; 86016 numbers, k = 10, some 54 products

Embeddings, head and norms are held: the gradients it is compared with are those of the matrices, too.
Trap: windows that gave both Hessian and gradient would align by construction. Those of `LanguageRun.gradients` are draw 0,
these are draw 1.
Trap: fewer characters know the space less well, and the share reads low: on one run (seed 100, step 360) 16 windows gave the
same gradient .19, 64 windows .26. They cost 9 CPU-s.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.spectra import HessianTop
    from harness.training.lm_run import LanguageRun

TOP, WINDOWS = 10, 64
TOLERANCE = 1e-2


def matrices_top(run: "LanguageRun", step: int, *, k: int = TOP, windows: int = WINDOWS) -> "HessianTop":
    """The k top eigenvectors, by the matrices' short names.

    Args:
        run: as of `lm.run(arm)`.
        step: one of its kept steps.
        k, windows: see above.

    Raises:
        MeasureError: the eigenvectors did not settle.
    """
    from harness.spectra import hessian_top
    from harness.training import lm
    from harness.training.runs import projections

    model, batch = run.model(step), run.probe(draw=1, windows=windows, shuffled=run.recipe.lm.shuffled)
    matrices = projections(dict(model.named_parameters()))
    return hessian_top(lambda: lm.cross_entropy(model, batch), matrices, k, tolerance=TOLERANCE)
