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

CALIBRATION = "calibration"
"""Family of sentences about the bench itself, and of identities."""

POWER = 0.2
"""Nats a character by which training the matrices must pay, or a comparison of how they are trained says nothing (sheet, T10)."""

RANK = 16
"""Rank of every projection on the bench, a quarter of the model's width."""
