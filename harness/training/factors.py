"""The factors of a run's LoRA adapters: dW = (alpha / r) B A of each judged matrix, as they were trained, without a merge.

A merged weight is rounded with its base; the factors are what there is. Names are those of harness.models.weights.
"""

from typing import TYPE_CHECKING, NamedTuple

from harness.errors import TrainingError
from harness.models.weights import short_name
from harness.training.runs import Run

if TYPE_CHECKING:
    from torch import Tensor

ROWS, COLUMNS = ".lora_A.default", ".lora_B.default"


class Factors(NamedTuple):
    """A (r, n) and B (m, r) as trained, fp32, and what their product is multiplied with."""

    a: "Tensor"
    b: "Tensor"
    scale: float


def factors(run: Run, step: int = -1) -> dict[str, Factors]:
    """Factors by matrix after some step of a run.

    Args:
        run: of a recipe with LoRA adapters.
        step: one of the run's; -1 is the last.

    Raises:
        TrainingError: it trained none, or none of that kind.
    """
    tensors = {short_name(name): tensor for name, tensor in run.adapter_tensors(step).items()}
    rows = {name.removesuffix(ROWS): tensor for name, tensor in tensors.items() if name.endswith(ROWS)}
    if 2 * len(rows) != len(tensors) or any(f"{name}{COLUMNS}" not in tensors for name in rows):
        raise TrainingError(f"The adapters of {run.arm} are no plain LoRA: they have other tensors than A and B.")
    how = run.adapter
    return {name: Factors(a, tensors[f"{name}{COLUMNS}"], how["alpha"] / how["rank"]) for name, a in rows.items()}
