"""One step of a low-rank optimizer on one matrix, ours and its authors', and the subspace alone, in CPU seconds.

    ours      harness/optimizers: SubspaceOptimizer with preset("galore") or preset("apollo")
    galore    galore-torch 1.0 (Apache-2.0), GaLoreAdamW: torch.linalg.svd of the whole gradient in fp32 at a refresh
    apollo    apollo-torch 1.0.3 (CC-BY-NC 4.0: run here for comparison, nothing of it is here), APOLLOAdamW, random projector

    amortised over T steps = step + (refresh - step) / T        of medians: 200 steps are not run, two kinds of step are

Gradients: "power" has singular values 1/i and is rounded to bf16 (sheet E15), "noisy" is power with .3 of its norm of Gaussian
noise on top, "flat" is the worst case, Gaussian noise with 8 directions above it.
Trap: what two ways find is compared with an fp64 decomposition, not with each other: the reference's SVD is in fp32.
Trap: galore-torch hands a wide gradient to LAPACK as it is, which takes longer than its transpose; `turned` is the fair SVD.
"""

from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from suites.benchmarks.diff_runs import timed
from suites.benchmarks.race import Seconds

if TYPE_CHECKING:
    from torch import Tensor

OPTIMIZERS = "optimizers"
"""Family, Holm-corrected on its own."""

SHAPES = ((256, 256), (1024, 1024), (2048, 2048), (1024, 4096))
KINDS = ("power", "noisy", "flat")
EVERY = 200
"""T of the papers."""

GAP, STEPS = 4, 8
"""Refreshes of a timed run fall on its steps 1 and 5, in every run anew; the first step allocates and is left out."""


def missing(package: str) -> str:
    """Why a peer cannot be run; "" where it can."""
    needs = [name for name in (package, "bitsandbytes") if find_spec(name) is None]
    what = "pip install -c constraints.txt -e '.[reference]' bitsandbytes"
    return f"needs {' and '.join(name.replace('_', '-', 1) for name in needs)}: {what}" if needs else ""


NO_GALORE, NO_APOLLO = missing("galore_torch"), missing("apollo_torch")


def gradient(shape: tuple[int, int], kind: str, seed: int = 0) -> "Tensor":
    """A gradient that looks like one, fp32; see the top of the file."""
    import torch

    g = torch.Generator().manual_seed(seed)
    drawn = lambda *size: torch.randn(*size, generator=g)  # noqa: E731
    if kind == "flat":
        return drawn(*shape) + drawn(shape[0], 8) @ drawn(8, shape[1])
    q = min(shape)
    u, v = (torch.linalg.qr(drawn(side, q)).Q for side in shape)
    power = ((u / torch.arange(1, q + 1)) @ v.T).bfloat16().float()
    return power if kind == "power" else power + 0.3 * power.norm() / power.numel() ** 0.5 * drawn(*shape)


def turned(matrix: "Tensor") -> "Tensor":
    """Its smaller side first, as a view: what is projected."""
    return matrix.T if matrix.shape[0] >= matrix.shape[1] else matrix


def by_svd(matrix: "Tensor", rank: int) -> "Tensor":
    """P as galore-torch finds it, (smaller side, rank)."""
    import torch

    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    return vh[:rank].T if matrix.shape[0] >= matrix.shape[1] else u[:, :rank]


def by_turned_svd(matrix: "Tensor", rank: int) -> "Tensor":
    """The same with the longer side first, which LAPACK decomposes sooner."""
    return by_svd(matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T, rank)


def by_ours(matrix: "Tensor", rank: int) -> "Tensor":
    """P as ours finds it."""
    from harness.optimizers.leading_basis import leading_basis

    return leading_basis(turned(matrix), rank)


def by_chance(matrix: "Tensor", rank: int) -> "Tensor":
    """The leading coordinates, a subspace that knows nothing of the gradient: overlap r/a."""
    import torch

    return torch.eye(min(matrix.shape), rank)


def truth(matrix: "Tensor") -> "Tensor":
    """All directions of the projected side in fp64, largest first."""
    import torch

    wide = turned(matrix).double()
    return torch.linalg.eigh(wide @ wide.T).eigenvectors.flip(1)


def shared(basis: "Tensor", directions: "Tensor") -> float:
    """Mean cos^2 between P and the leading directions."""
    from harness.optimizers import overlap

    return overlap(basis.contiguous(), directions[:, : basis.shape[1]])


class Cost(NamedTuple):
    """CPU seconds of a step that keeps its subspace and of one that makes a new one; medians."""

    step: float
    refresh: float

    def amortised(self, every: int = EVERY) -> Seconds:
        """Of a step on average."""
        return Seconds(self.step + (self.refresh - self.step) / every)


def cost(step: Callable[[], Any]) -> Cost:
    """Of an optimizer that refreshes every GAP steps, and has made a multiple of GAP."""
    spent = [timed(step)[0] for _ in range(STEPS)]
    new = [spent[i] for i in range(GAP, STEPS, GAP)]
    old = [each for i, each in enumerate(spent) if i % GAP]
    return Cost(median(old), median(new))


def our_step(name: str, matrix: "Tensor", rank: int) -> Callable[[], None]:
    """Steps of a preset on one parameter with this gradient."""
    from harness.optimizers import SubspaceOptimizer, preset

    parameter = _parameter(matrix)
    return SubspaceOptimizer([{"params": [parameter], **preset(name, rank=rank, refresh=GAP)}]).step


def their_step(name: str, matrix: "Tensor", rank: int) -> Callable[[], None]:
    """The same with the authors' package, by the same constants."""
    group = dict(params=[_parameter(matrix)], rank=rank, update_proj_gap=GAP, proj_type="std")
    if name == "galore":
        from galore_torch import GaLoreAdamW

        return GaLoreAdamW([group | {"scale": 0.25}], lr=0.01, no_deprecation_warning=True).step
    from apollo_torch import APOLLOAdamW

    return APOLLOAdamW([group | {"scale": 1.0, "scale_type": "channel", "proj": "random"}], lr=0.01).step


def _parameter(matrix: "Tensor"):
    import torch

    parameter = torch.nn.Parameter(torch.zeros_like(matrix))
    parameter.grad = matrix.clone()
    return parameter
