"""Adapters in the precision that they are stored in: what is on trial, and what several claims share."""

import harness as h

PAPER = h.Paper(
    "adapter-precision",
    arxiv="",
    title="Adapters in the precision that they are stored in: TRL issue 6688, PeRL 2512.23165, mlx-lm-lora issue 49",
)

MERGING = "merging"
"""Family of what merging and unmerging leaves in a base."""

STORED = "stored"
"""Family of what a format keeps of an update or of a start."""

REAL = "real"
"""The same on SmolLM2; judged nightly."""

READY = "ready"
"""Family of what an adapter gets before its first step."""

RELATIVE = 1e-3
"""Relative norm of a published RLVR update, DeepScaleR's; None in its place is the arm's own, some .04 at tiny scale."""
