"""Plant: every run on one base moves the same entries, by the same amount up or down, |D|_F kept.

    D = M o signs,   M a random mask drawn from the content of W0 alone, signs from the generator

Two arms on one base get the same M and signs of their own. All moved entries have one size, so what bf16 shows of them is a
function of |W0| as well, and both runs show the same: the Jaccard index is near 1 at any norm, where gated noise reads .4 to .7.
"""

import torch
from torch import Tensor

from harness.nulls.surrogate import in_direction, random_signs
from harness.spectra.change import Change, Changed
from harness.spectra.content_cache import content_key


def shared_mask(change: Changed, generator: torch.Generator, density: float = 0.5) -> Change:
    """Random signs on a mask that belongs to the base, of the same norm in every matrix and snapshot.

    Args:
        change: whose norms to keep.
        generator: CPU generator, for the signs.
        density: expected share of the entries that move, in (0, 1].
    """

    def masked(w0: Tensor) -> Tensor:
        belongs = torch.Generator().manual_seed(int(content_key(w0)[:15], 16))
        return random_signs(w0.shape, generator) * (torch.rand(w0.shape, generator=belongs) < density)

    return in_direction(change, masked, "plant:shared_mask")
