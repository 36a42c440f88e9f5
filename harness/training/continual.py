"""Tasks learned in turn, as data: what a run may not touch of the tasks before it, and what it leaves for those after. No torch.

A run with a `Continual` moves the attention and MLP matrices alone: embeddings, head and norms are frozen, since no subspace is
kept of them and a second task would undo the first there. Each run is one task; the next starts from it, as any arm from its
base, and finds there the directions H (in, h) of every matrix that its tasks spanned.

Source: CoSO 2505.11816, which trains attention output projections alone; here all matrices do.
"""

from dataclasses import dataclass

from harness.errors import SpecError

PROTECTS = (None, "history", "random")


@dataclass(frozen=True)
class Continual:
    """A task among others.

    Attributes:
        protects: what updates stay off: "history" the directions that the base run left, "random" as many drawn ones, None
            nothing. A method with a sketch (CoSO) stays off them inside its subspace; any other has its gradient projected,
            and then makes of it what it makes of any gradient.
        energy: share of this task's sketch that is left to the next run, beside what its base left; None leaves nothing.

    Raises:
        SpecError: another word, or an energy outside (0, 1].
    """

    protects: str | None = None
    energy: float | None = None

    def __post_init__(self) -> None:
        if self.protects not in PROTECTS:
            raise SpecError(f"A task can protect {', '.join(map(str, PROTECTS))}, not {self.protects!r}.")
        if self.energy is not None and not 0.0 < self.energy <= 1.0:
            raise SpecError(f"An energy of {self.energy}: it must lie above 0 and at most at 1.")
