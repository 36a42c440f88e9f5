"""RLVR with its matrices stepped apart, as data: the arms on which isospectral training is compared. No torch.

Every arm is `rlvr` of its seed (same base, same problems, samples from the same stream, same steps) but for how the attention
and MLP matrices are stepped; embeddings, head and norms take AdamW at rlvr's own rate in all of them. The rate of the matrices
is the one of the arm's grid with the highest mean reward of the last LAST training steps, mean of TUNING_SEEDS
(`python -m harness.training.tune iso`, which prints TUNED). A grid is FACTORS times the arm's centre. Centres put all first
steps near one length: for frames AdamW's rate over sigma_rms (iso's step is about .4 of AdamW's at equal rate, on this base),
for Muon AdamW's times sqrt(max(m, n)); the spectrum alone takes longer steps yet. The frozen control has no rate: what it
gains, embeddings, head and norms gain.

Source: ISO 2607.19331 as quoted (ISO-AdamW against AdamW, ISO-Muon against Muon); H16-H18 of the sheet.
Trap: rlvr itself is at 1e-4, which nobody tuned for speed: a comparison of speeds with it compares rates.
"""

from harness.training.methods import TUNING_SEEDS, Method

LAST = 30
"""Training steps at the end whose mean reward is compared; each saw 16 problems, answered 8 times."""

FACTORS = (1 / 9, 1 / 3, 3**-0.5, 1.0, 3.0)
"""Of the centre. In every method three times the best rate loses what the base knew, so the grid is closest below that."""

METHODS: dict[str, Method] = {
    "rl_adamw": Method("adamw"),
    "rl_frozen": Method("frozen"),
    "iso": Method("iso"),
    "iso_riemannian": Method("iso", dict(gradient="riemannian", transport=True)),
    "iso_spectrum": Method("spectrum-only"),
    "muon": Method("muon"),
    "iso_muon": Method("iso-muon"),
}

CENTRES = {"rl_adamw": 3e-4, "iso": 7.5e-4, "iso_riemannian": 7.5e-4, "iso_spectrum": 2.7e-2, "muon": 3e-3, "iso_muon": 4.5e-3}

EXTENDED: dict[str, tuple[float, ...]] = {}
"""Factors tried besides, where the best of the first five lay at an edge."""

TUNED: dict[str, tuple[float, ...]] = {
    "rl_adamw": (0.3893, 0.4327, 0.4242, 0.4207, 0.0574),  # 0.0001
    "iso": (0.3836, 0.4251, 0.4352, 0.3878, 0.0396),  # 0.00043
    "iso_riemannian": (0.4066, 0.4298, 0.4240, 0.3029, 0.0013),  # 0.00025
    "iso_spectrum": (0.3767, 0.4025, 0.3613, 0.2695, 0.0066),  # 0.009
    "muon": (0.4276, 0.4809, 0.4208, 0.1340, 0.0070),  # 0.001
    "iso_muon": (0.4238, 0.4659, 0.4029, 0.0694, 0.0000),  # 0.0015
}
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
    rewards = TUNED[arm]
    return grid(arm)[rewards.index(max(rewards))]
