"""The paper on trial."""

import harness as h

PAPER = h.Paper("apollo", arxiv="2412.05270", title="APOLLO: SGD-like Memory, AdamW-level Performance")

TRAINING = "training"
"""Family of sentences about what the method reaches on the pretraining bench."""
