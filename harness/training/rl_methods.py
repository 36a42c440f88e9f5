"""RLVR with its matrices stepped apart, as data: the arms on which isospectral training is compared. No torch.

Every arm is `rlvr` of its seed (same base, same problems, samples from the same stream, same steps) but for how the attention and
MLP matrices are stepped; embeddings, head and norms take AdamW at rlvr's own rate in all of them. The rate of the matrices is the
one of the arm's grid with the highest mean reward of the last LAST training steps, mean of TUNING_SEEDS
(`python -m harness.training.tune iso`, which prints TUNED). A grid is FACTORS times the arm's centre, which puts all steps near one
length: AdamW's rate over sigma_rms (about .4 of AdamW's step at equal rate, on this base) for frames, times sqrt(max(m, n)) for the
spectrum alone and for Muon. The frozen control has no rate: what it gains, embeddings, head and norms gain.

Source: ISO 2607.19331, Sec. 5 as quoted (ISO-AdamW against AdamW, ISO-Muon against Muon); H16-H18 of the sheet.
Trap: rlvr itself is at 1e-4, which nobody tuned for speed: a comparison of speeds with it compares rates.
"""

from harness.training.methods import TUNING_SEEDS, Method

LAST = 30
"""Training steps at the end whose mean reward is compared; each saw 16 problems, answered 8 times."""

FACTORS = (1 / 9, 1 / 3, 1.0, 3.0, 9.0)

METHODS: dict[str, Method] = {
    "rl_adamw": Method("adamw"),
    "rl_frozen": Method("frozen"),
    "iso": Method("iso"),
    "iso_riemannian": Method("iso", dict(gradient="riemannian", transport=True)),
    "iso_spectrum": Method("spectrum-only"),
    "muon": Method("muon"),
    "iso_muon": Method("iso-muon"),
}

CENTRES = {"rl_adamw": 3e-4, "iso": 7.5e-4, "iso_riemannian": 7.5e-4, "iso_spectrum": 3e-3, "muon": 3e-3, "iso_muon": 4.5e-3}

EXTENDED: dict[str, tuple[float, ...]] = {}
"""Factors tried besides, where the best of the first five lay at an edge."""

TUNED: dict[str, tuple[float, ...]] = {}
"""Mean reward of the last steps at each rate of the arm's grid, mean of TUNING_SEEDS; -inf where a run diverged."""


def tuned_arms() -> tuple[str, ...]:
    """Arms that have a rate to choose."""
    return tuple(CENTRES)


def grid(arm: str) -> tuple[float, ...]:
    """The rates that were tried for an arm, rising; two digits, so that a rate reads as it is."""
    return tuple(float(f"{factor * CENTRES[arm]:.1e}") for factor in sorted((*FACTORS, *EXTENDED.get(arm, ()))))


def rate(arm: str) -> float:
    """The tuned rate of the matrices; 0 for the frozen control."""
    if METHODS[arm].method == "frozen":
        return 0.0
    rewards = TUNED.get(arm) or [factor == CENTRES[arm] for factor in grid(arm)]
    return grid(arm)[rewards.index(max(rewards))]
