"""The paper on trial, and the numbers of it that several claims use."""

import harness as h

PAPER = h.Paper(
    "path-not-taken",
    arxiv="2511.08567",
    title="The Path Not Taken: RLVR Provably Learns Off the Principals",
)

ALPHA = 0.3
"""Share of the entries in a mask. The paper states none; the figures quoted from its follow-up imply .3."""

RELATIVE = 1e-3
"""|D|_F / |W0|_F of a published RLVR run (DeepScaleR, layer 13). Tiny models learn with updates 10-100 times as large, so
claims about what bf16 shows are judged on the update scaled to this size: its direction and shape stay, only its length
is put where the published statistics were read."""

MAIN = "main"
"""Family of the paper's sentences about trained models."""

LEASH = "leash"
"""Family of Gate I and of the curvature that it needs: sentences about functions, measured on policies."""

PRECISION = "precision"
"""Family of Gate III's sentences about single steps and single tokens in 16 bits."""

SWEEPS = "sweeps"
"""Family of what is judged nightly: apart, so that a default session and a nightly one judge the others at the same levels."""

CALIBRATION = "calibration"
"""Family of sentences about the metrics themselves: what updates without any learning signal read on them."""


def in_published_size(change):
    """The update at relative norm RELATIVE in every matrix."""
    return change.scaled(RELATIVE / change.relative_norm())
