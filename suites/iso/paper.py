"""The paper on trial, and what several claims share."""

import harness as h

PAPER = h.Paper("iso", arxiv="2607.19331", title="ISO: An RLVR-Native Optimization Stack")

SPECTRUM = "spectrum"
"""Family of what restored, swapped and random singular values keep of a gain."""

TRAINING = "training"
"""Family of what training reaches where singular values, or all but them, are held; judged nightly."""

SPEED = "speed"
"""Family of how many steps it takes, at rates tuned on one grid; judged nightly."""

GEOMETRY = "geometry"
"""Family of where the updates of isospectral training lie; judged nightly."""

RESIDUALS = "residuals"
"""Family of what families of matrices around the base leave of an update."""

CALIBRATION = "calibration"
"""Family of identities, and of what the metrics read where nothing was learned."""

KEPT, BROUGHT = 0.95, 0.05
"""Shares of the gain: what restoring the base's spectrum keeps at least, what the tuned one alone brings at most (H19)."""

GAP = -0.02
"""Success that isospectral training may lie below free training (sheet, H16)."""

STALLED = 0.2
"""Share of the gain that training the spectrum alone stays below (sheet, H16)."""


def success(models, arm):
    """Expected reward on held-out problems: of the arm as trained, or of its matrices on the base where it is a stand-in."""
    return models.of(arm).held_out_success
