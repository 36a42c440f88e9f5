"""The paper on trial, and what several claims share. Its subject is an older paper's sentence, which is on trial beside it."""

import harness as h

PAPER = h.Paper("tiny-subspaces", arxiv="2405.16002", title="Does SGD really happen in tiny subspaces?")

ALIGNMENT = "alignment"
"""Family of Gur-Ari, Roberts & Dyer (1812.04754): the gradient lies in the Hessian's top space, which stays as it is."""

STEPS = "steps"
"""Family of what is reached by steps inside that space, and by steps outside of it."""

TRANSFORMER = "transformer"
"""Family of the same on the pretraining bench's model."""

SHARE = 0.2
"""Least share of the gradient in the top space (sheet, T16). Twenty times chance, 5 of 1229, is less: .08."""

STALLED = 0.05
"""Most of SGD's loss drop that steps inside the space may make (sheet, T17)."""

KEPT = 0.9
"""Least of it that steps outside the space must make (sheet, T17)."""
