"""The paper on trial, and what several claims share."""

import harness as h

PAPER = h.Paper(
    "golore",
    arxiv="2410.11289",
    title="Subspace Optimization for Large Language Models with Convergence Guarantees",
)

CONVERGENCE = "convergence"
"""Family of sentences about the paper's counterexample (counterexample.py)."""

TRAINING = "training"
"""Family of sentences about what the method reaches on the pretraining bench."""

STANDS_STILL = 1.0
"""Norm of the true gradient above which a method has not converged; it begins near 6 (sheet, T6)."""

CONVERGED = 0.3
"""Norm below which a method has, at a constant step length and noise in every step (sheet, T6, for GoLore)."""

TO_THE_END = 1e-2
"""The same where noise need not remain (sheet, T6, for GaLore on batches of 4)."""
