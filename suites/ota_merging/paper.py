"""The paper on trial, and what several claims share."""

import harness as h

PAPER = h.Paper(
    "ota-merging",
    arxiv="2509.11167",
    title="Harnessing Optimization Dynamics for Curvature-Informed Model Merging",
)

GRAFTING = "grafting"
"""Family of what parts of one update keep; judged nightly."""

MERGING = "merging"
"""Family of what merged models do; judged nightly."""

CURVATURE = "curvature"
"""Family of what experts' second moments have in common; judged nightly."""

LOSS = 0.02
"""Share of a specialist's success below which two scores are called equal: the width is ours."""

DENSITY = 0.4
"""FFG's density before merging, as in the sheet's benchmark and within the paper's .2 to .4."""
