"""Fine-tuning a compressed model as data: which of its parameters train, and at which rate. No torch.

Every arm starts from lm_adamw of its seed, compressed by WeLore's rule at half of the ranks, and reads on in the same text for
the same steps. What differs is `trains`, and the rate: the one of GRID with the least loss on the tuning split, mean of the
bench's tuning seeds (`python -m harness.training.tune`, which prints TUNED). One grid for all, a step below the bench's: the
weights are trained already.

Source: WeLore 2407.11239, Sec. 4; VITA-Group/WeLore, which lets the weights of norms train beside the factors, as here.
"""

from dataclasses import dataclass

TRAINS = ("low_rank", "others", "random", "all")
GRID = (4e-4, 1e-3, 2.5e-3, 6e-3, 1.5e-2)
BASE = "lm_adamw"


@dataclass(frozen=True)
class Compression:
    """What becomes of a run's base before its first step.

    Attributes:
        trains: "low_rank" (the factors of low-rank components), "others" (the matrices that stay whole), "random" (layers of
            either kind drawn by the seed, with as many entries as the factors have, to the nearest), each with the norms;
            or "all" (every parameter there is).
        reduction: share of all ranks that the rule's threshold is to take.
    """

    trains: str
    reduction: float = 0.5


ARMS: dict[str, Compression] = {
    "lm_lrc": Compression("low_rank"),
    "lm_lrc_others": Compression("others"),
    "lm_lrc_random": Compression("random"),
    "lm_lrc_full": Compression("all"),
}

TUNED: dict[str, tuple[float, ...]] = {
    "lm_lrc": (1.0037, 0.9960, 0.9846, 0.9739, 0.9753),  # 0.006
    "lm_lrc_full": (0.9913, 0.9762, 0.9594, 0.9580, 0.9834),  # 0.006
    "lm_lrc_others": (1.0032, 0.9963, 0.9887, 0.9870, 1.0028),  # 0.006
    "lm_lrc_random": (1.0029, 0.9946, 0.9832, 0.9745, 0.9770),  # 0.006
}
"""Loss on the tuning split at each rate of GRID, mean of methods.TUNING_SEEDS; inf where a run diverged."""


def rate(arm: str) -> float:
    """The tuned rate."""
    losses = TUNED[arm]
    return GRID[losses.index(min(losses))]
