"""The paper on trial."""

import harness as h

PAPER = h.Paper("apollo", arxiv="2412.05270", title="APOLLO: SGD-like Memory, AdamW-level Performance")

TRAINING = "training"
"""Family of sentences about what the method reaches on the pretraining bench."""

LAW = "law"
"""Family of sentences about the scaling that is measured in a random subspace: the ground that the method stands on."""

LIMITER = "limiter"
"""Family of sentences about the norm-growth limiter."""

CALIBRATION = "calibration"
"""Family of identities: ranks and sizes."""

RANK = 16
"""Rank of the projection on the bench, a quarter of the model's width."""
