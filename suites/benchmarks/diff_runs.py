"""One matrix of a synthetic pair, read by `harness diff`'s reader and by the ways that need no harness; all in CPU seconds.

    naive     two full fp32 SVDs (torch), and from them NSS, the largest principal angle by arccos, one energy share
    reader    every row of MatrixReader without null draws: the naive one's three, and storage (density, steps, stripes, masks),
              rank counts, norms, what rounding the base alone turns, a bound on the shift

The two sides share NSS and the energy share and must agree on them. The angle is theirs each: the naive one is read at k = 64,
gap or not, and arccos in fp32 cannot see below some 1e-3 rad; the reader's is at the best gap, by the sine.
Trap: CPU seconds of one thread, not wall: another process's work then counts for neither side. A busy neighbour still costs
cache and memory bandwidth, some tenths of the time of both.
"""

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from suites.benchmarks.race import Run, Seconds, check

if TYPE_CHECKING:
    from torch import Tensor

DIFF = "diff"
"""Family, Holm-corrected on its own."""

SQUARE, WIDE, SMALL = (4096, 4096), (4096, 11008), (768, 768)
"""The two shapes of a 7B Llama's layer (four and three matrices), and one for a session that has seconds only."""

SAME = 0.01
"""How near NSS and energy share must be; an fp32 SVD knows the shift of noise of relative size 1e-3 to 2e-4 at 4096."""

AS_FP32 = 0.2
"""The same for values="fp32", which is no way to the same NSS: of three such pairs its Gram route was off by .6, 1.6 and 13 %."""


class Matrices(NamedTuple):
    """Both sides as stored, bf16."""

    w0: "Tensor"
    w1: "Tensor"


def matrices(shape: tuple[int, int], seed: int = 0) -> Matrices:
    """Noise of relative size 1e-3 on a bulk with spikes; see harness.models.synthetic."""
    from harness.models.synthetic import drawn

    return Matrices(*drawn("model.layers.0.mlp.up_proj.weight", shape, seed=seed))


def on_cpu(run: Run) -> Run:
    """The run, its result replaced by the CPU seconds of this process that it took."""
    return lambda: timed(run)[0]


def timed(run: Run) -> tuple[Seconds, Any]:
    """CPU seconds of one call, and what it returned."""
    began = time.process_time()
    made = run()
    return Seconds(time.process_time() - began), made


def reader(pair: Matrices, values: str = "fp64", frame: str = "auto"):
    """A reader of the base that has measured nothing yet."""
    import scipy.linalg  # noqa: F401  (the reader's first product would count its second of importing)
    from harness.engine.matrix_rows import MatrixReader

    return MatrixReader(pair.w0, values=values, frame=frame)


def rows(one, w1: "Tensor") -> dict[str, dict]:
    """Every row of one update, by metric, no null drawn."""
    return {row["metric"]: row for row in one.rows(w1, draws=0)}


def shared(found: dict[str, dict]) -> list[float]:
    """What the naive way gives too: NSS and the energy share."""
    return [found["nss"]["value"], found["enrichment_uv"]["value"]]


def naive(pair: Matrices, k: int) -> list[float]:
    """NSS, enrichment between the k leading directions, and the largest principal angle; shared ones first.

    Of a matrix that is wider than high it takes the transpose, which torch decomposes in half the time.
    """
    import torch

    w0, w1 = (side.float() if side.shape[0] >= side.shape[1] else side.float().T for side in pair)
    (u0, s0, v0), (u1, s1, v1) = (torch.linalg.svd(side, full_matrices=False) for side in (w0, w1))
    update = w1 - w0
    energy = (u0[:, :k].T @ update @ v0[:k].T).square().sum() / update.square().sum()
    cosines = (torch.linalg.svdvals(a @ b) for a, b in ((u0[:, :k].T, u1[:, :k]), (v0[:k], v1[:k].T)))
    angle = max(torch.arccos(each.clamp(max=1.0)).max().item() for each in cosines)
    return [((s1 - s0).norm() / s0.norm()).item(), energy.item() * w0.numel() / k**2, angle]


def leading(shape: tuple[int, int]) -> int:
    """k of the reader's frame."""
    return max(1, min(round(min(shape) / 16), 64))


def agree(found: dict[str, dict], theirs: list[float], values: str = "fp64") -> None:
    """MeasureError where the reader's rows and the naive way do not say the same of a pair."""
    check(shared(found), theirs[:2], AS_FP32 if values == "fp32" else SAME)


def per_layer(square: float, wide: float) -> float:
    """Of a 7B Llama's layer: four matrices 4096 x 4096 and three 4096 x 11008."""
    return 4 * square + 3 * wide
