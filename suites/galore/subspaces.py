"""The leading quarter of a matrix's directions on its smaller side, which is the side that GaLore projects, and its overlaps.

    O(a, b) = |U_r(a)^T U_r(b)|_F^2 / r,   r = min(m, n) / 4;   chance 1/4 for every matrix

Source: recipe E7 of the sheet (16 of 64; here 8 of 32 where a matrix has 32 rows, so that chance is the same). Gradients are of
the very batches that the optimizer saw, 1024 characters, 40 steps apart.
Trap: what changes slowly overlaps without any signal. `of_noise` is Gaussian at the measured cosine of the two gradients.
Trap: two batches at one step share .69-.74 only (sheet): nothing between steps can be expected above that.
Trap: a model *trained* on shuffled targets is no control here: its gradients have 13 directions above fp32's rounding, and the
16th is arbitrary. Shuffled targets on the trained model are.
Trap: the rate falls to 0 at the end of a run here, and weights that stand still have a subspace that does. So "late" is the
whole second half and not its last pair.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.spectra import PerMatrix
    from harness.training.lm_run import LanguageRun
    from torch import Generator, Tensor

    Matrices = Mapping[str, Tensor]
    Pairs = tuple[tuple[int, int], ...]

EARLY = ((0, 40),)
LATE = ((200, 240), (240, 280), (280, 320), (320, 360), (360, 400))
"""Pairs of kept steps: the first, and those of the second half."""

WINDOWS, SHUFFLES = 16, 1000
"""Windows of a batch of the bench; where the draws with shuffled targets begin, so that no two steps share one."""


def small_side(matrices: "Matrices") -> "dict[str, Tensor]":
    """Every matrix with its smaller side first."""
    return {name: g if g.shape[0] <= g.shape[1] else g.T for name, g in matrices.items()}


def quarter(matrix: "Tensor") -> int:
    """r."""
    return min(matrix.shape) // 4


def overlap(a: "Matrices", b: "Matrices") -> "PerMatrix":
    """O of each matrix."""
    from harness.spectra import PerMatrix, subspace_overlap

    a, b = small_side(a), small_side(b)
    return PerMatrix({name: subspace_overlap({name: a[name]}, {name: b[name]}, quarter(a[name]))[name] for name in a})


def of_noise(a: "Matrices", b: "Matrices", rng: "Generator", cosine: float | None = None) -> "PerMatrix":
    """O of Gaussian matrices in their place, at the cosine of the two entry by entry, or at another."""
    from harness.spectra import PerMatrix, noise_overlap

    found = {}
    for name, g in small_side(a).items():
        like, other = g.double(), small_side({name: b[name]})[name].double()
        c = ((like * other).sum() / (like.norm() * other.norm())).item() if cosine is None else cosine
        found[name] = noise_overlap({name: g}, {name: c}, quarter(g), rng)[name]
    return PerMatrix(found)


def of_samples(a: "Matrices", b: "Matrices", rng: "Generator", uniform: bool = False) -> "PerMatrix":
    """O of r directions that SARA draws from each of the two, by sigma / sum sigma, or with `uniform` any directions."""
    import torch
    from harness.optimizers.projectors import Draw, project
    from harness.spectra import PerMatrix

    seed = int(torch.randint(2**31, (), generator=rng))
    a, b, found = small_side(a), small_side(b), {}
    for index, name in enumerate(sorted(a)):
        r = quarter(a[name])
        kind = "stiefel" if uniform else "sara"
        bases = [project(kind, g[name], r, Draw(seed, index, turn), None).double() for turn, g in enumerate((a, b), 1)]
        found[name] = ((bases[0].T @ bases[1]).square().sum() / r).item()
    return PerMatrix({name: found[name] for name in a})


def batch_gradients(run: "LanguageRun", step: int, shuffled: bool = False) -> "Matrices":
    """Of the batch that the optimizer saw next; `shuffled`: of as many others, with targets dealt anew."""
    return run.gradients(step, draw=SHUFFLES + step, windows=WINDOWS, shuffled=True) if shuffled else run.step_gradients(step)


def between(run: "LanguageRun", pairs: "Pairs", measure: "Callable[..., PerMatrix]", shuffled: bool = False) -> "PerMatrix":
    """Mean over pairs of steps of a measure of their batches' gradients."""
    seen = {step: batch_gradients(run, step, shuffled) for step in sorted({step for pair in pairs for step in pair})}
    return sum(measure(seen[before], seen[after]) for before, after in pairs) / len(pairs)


def at_one_step(run: "LanguageRun", pairs: "Pairs", shuffled: bool = False) -> "PerMatrix":
    """Mean over the later step of each pair of O between its batch and another one at the same weights: the ceiling."""
    found = []
    for _, step in pairs:
        other = run.gradients(step, draw=1, windows=WINDOWS, shuffled=shuffled)
        found.append(overlap(batch_gradients(run, step, shuffled), other))
    return sum(found) / len(found)
