"""What untrained models have in common, beside as many Gaussian matrices.

    share of variance that 16 of 50 directions hold, untrained less Gaussian, mean over the matrices

Initialisations are those of the tiny model as every run begins with, of fresh seeds.
"""

from typing import TYPE_CHECKING

from suites.universal_subspace.paper import MODELS

if TYPE_CHECKING:
    from harness.spectra import PerMatrix
    from torch import Generator, Tensor

COUNT = 50
COMMON = 4


def excess(rng: "Generator", made: str) -> "PerMatrix":
    """Share of what was made less that of Gaussian entries.

    Args:
        rng: draws seeds and entries.
        made: "untrained", "gaussian", or "common": untrained, and a tenth of the energy in COMMON matrices that all share.
    """
    import torch
    from harness.spectra import PerMatrix
    from harness.spectra.hosvd import top_share

    found = {}
    for name, stack in untrained(rng).items():
        gaussian = torch.randn(stack.shape, generator=rng)
        if made == "gaussian":
            stack = torch.randn(stack.shape, generator=rng)
        if made == "common":
            directions, parts = torch.randn(COMMON, *stack.shape[1:], generator=rng), torch.randn(COUNT, COMMON, generator=rng)
            shared = torch.einsum("nk,kij->nij", parts, directions)
            stack = stack / stack.std() + (0.1 / 0.9) ** 0.5 * shared / shared.std()
        found[name] = top_share(stack, "model", MODELS) - top_share(gaussian, "model", MODELS)
    return PerMatrix(found)


def untrained(rng: "Generator", count: int = COUNT) -> "dict[str, Tensor]":
    """(count, m, n) of every judged matrix of fresh tiny models."""
    import torch
    from harness.models.init import materialise
    from harness.models.tiny import INIT_STD, config
    from harness.training.runs import projections

    seeds = torch.randint(2**31, (count,), generator=rng).tolist()
    models = (materialise(config(), seed=seed, std=INIT_STD, dtype=torch.float32) for seed in seeds)
    made = [projections(dict(model.named_parameters())) for model in models]
    return {name: torch.stack([each[name].detach() for each in made]) for name in made[0]}
