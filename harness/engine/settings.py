"""What a session was asked for, as one frozen object that every process builds from the same options."""

from dataclasses import dataclass
from pathlib import Path

from harness.claims import Claim
from harness.engine.own import Own


@dataclass(frozen=True)
class Settings:
    """What the user asked for. `scales` is empty where every claim is judged at the scales it lists; `own` is a scale by itself.

    `judged` is "regression" (fixed seeds) or "evidence" (fresh ones, judged with those of the sessions named in `pooled`).
    """

    scales: tuple[str, ...]
    seeds: int
    seed_base: int
    results: Path
    model: str | None
    device: str
    plan: bool
    nightly: bool
    inconclusive: str
    min_selected: int
    own: Own | None = None
    judged: str = "regression"
    pooled: tuple[str, ...] = ()

    @property
    def hub(self) -> bool:
        """Whether the model is named by a hub id rather than by a local folder."""
        return self.model is not None and not Path(self.model).exists()

    @property
    def replicates(self) -> tuple[int, ...]:
        """Seeds, the n of every test."""
        return tuple(range(self.seed_base, self.seed_base + self.seeds))

    def replicates_of(self, claim: Claim) -> tuple[int, ...]:
        """The seeds of a claim: further ones where it may not be judged on so few. A user's checkpoints are what there is.

        Evidence gathers over sessions, so that each measures as many as it was asked for.
        """
        if self.own or (self.judged == "evidence" and claim.bound.statistical):
            return self.replicates
        return tuple(range(self.seed_base, self.seed_base + max(self.seeds, claim.seeds or 0)))
