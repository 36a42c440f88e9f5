"""The rotation of a run's base: drawn from the run's seed, so that an update can be carried back without a file.

The rotation is that of harness.interventions.rotate, in all layers. Arms of one seed share it, whatever their optimizer.
"""

from collections.abc import Iterable

import torch

from harness.interventions import HeadMap, Heads, rotation
from harness.models import tiny


def head_map(names: Iterable[str], seed: int) -> HeadMap:
    """The map that leads from the base's weights to those that the run of this seed starts from.

    Args:
        names: of the tiny model's tensors, as in a state dict or as in a Change.
        seed: of the run.
    """
    return rotation(names, Heads.of(tiny.config()), torch.Generator().manual_seed(seed))
