"""The papers on trial, and what several claims share."""

import harness as h

TSV = h.Paper(
    "task-singular-vectors",
    arxiv="2412.00081",
    title="Task Singular Vectors: Reducing Task Interference in Model Merging",
)
ISOTROPIC = h.Paper(
    "isotropic-merging",
    arxiv="2502.04959",
    title="No Task Left Behind: Isotropic Model Merging with Common and Task-Specific Subspaces",
)

ALIGNMENT = "alignment"
"""Family of what predicts a merge; judged nightly."""

CALIBRATION = "calibration"
"""Family of identities."""

MANY = 0.05
"""Value by which Iso-C is ahead of task arithmetic once there are six experts (sheet, M5)."""

CORRELATED = 0.7
"""Correlation of subspace alignment with normalised improvement (sheet, M4; .94 published)."""
