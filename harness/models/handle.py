"""What a suite gets when it asks for a model by its scale's name: the model is loaded when it is first used."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.models.scales import Scale

if TYPE_CHECKING:
    from harness.models.checkpoint import Checkpoint
    from harness.models.load import Loaded
    from torch import Tensor


@dataclass(frozen=True)
class Handle:
    """A scale's model, not loaded yet.

    Attributes:
        scale: which.
        device: where it will run.
    """

    scale: Scale
    device: str = "cpu"

    def load(self, seed: int = 0) -> "Loaded":
        """Model and tokenizer, in eval mode; remembered per seed. ModelError: see `harness.models.load.load`."""
        return _loaded(self, seed)

    def checkpoint(self) -> "Checkpoint":
        """The folder's tensors, not read yet. ModelError as in `matrices`."""
        from harness.models import load
        from harness.models.checkpoint import Checkpoint

        return Checkpoint(load.locate(self.scale))

    def matrices(self) -> "dict[str, Tensor]":
        """The judged matrices of a model that lies in a folder, (m, n) fp32, without building the model.

        Raises:
            ModelError: the scale is trained here and has no folder, or the folder cannot be read.
        """
        from harness.models import load, weights

        return weights.matrices(load.locate(self.scale), self.scale.judged_layers)


@lru_cache(maxsize=2)
def _loaded(handle: Handle, seed: int) -> "Loaded":
    from harness.models import load

    return load.load(handle.scale, device=handle.device, seed=seed)
