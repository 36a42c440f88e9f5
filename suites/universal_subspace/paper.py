"""The paper on trial, and what several claims share.

Fifty adapters a replicate: ten affine maps by five, on one base (harness/training/adapter_arms_subspace.py). The paper's
smallest corpus has fifty too, and its number is 16 directions a layer. It is scaled in two ways. Among N = 50 updates 16 is
taken as it is; unrelated updates explain .33 to .4 with it. Along a side of 64 it would be a quarter of all: there the rank of
one adapter is taken, as 16 is that of the LoRAs it was found with, here r = 4. Either way the number is read beside the same
singular values on random directions, which is what k, N, r and the width explain by themselves.
"""

import harness as h

PAPER = h.Paper("universal-subspace", arxiv="2512.05117", title="The Universal Weight Subspace Hypothesis")

SUBSPACE = "subspace"
"""Family of what trained adapters have in common; judged nightly, as its arms are no others'."""

UNTRAINED = "untrained"
"""Family of what untrained weights have in common."""

MODELS = 16
"""Directions among models, of the paper."""

RANK = 4
"""Directions of a side: the rank of one adapter."""

MOST = 0.9
"""Share that the paper's directions hold: 90 to 95 %."""
