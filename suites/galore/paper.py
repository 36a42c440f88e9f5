"""The paper on trial, and what several claims share."""

import harness as h

PAPER = h.Paper(
    "galore",
    arxiv="2403.03507",
    title="GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection",
)

TRAINING = "training"
"""Family of sentences about what the method reaches: held-out loss on the bench, judged against frozen matrices."""

GRADIENTS = "gradients"
"""Family of sentences about the gradients that the method rests on."""

THEORY = "theory"
"""Family of its theorems, on draws of their hypotheses: toy nets and descents in fp64, without any language model."""

SUBSPACES = "subspaces"
"""Family of sentences about where gradients and updates lie: judged nightly."""

CALIBRATION = "calibration"
"""Family of sentences about the bench itself, and of identities."""

REFRESHES = "refreshes"
"""Family of what a change of subspace is worth, judged nightly: apart from `training`, whose levels it would change."""

ROUTES = "routes"
"""Family of sentences about how a leading space is found: apart, so that others keep their levels."""

POWER = 0.2
"""Nats a character by which training the matrices must pay, or a comparison of how they are trained says nothing (sheet, T10)."""

RANK = 16
"""Rank of every projection on the bench, a quarter of the model's width."""

EARLY, LATE = 40, 400
"""Kept steps at which gradients are read, where one early and one late are enough."""
