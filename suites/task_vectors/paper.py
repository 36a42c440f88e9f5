"""What the claims on merging share: the controls, the contest of two rules, and what the papers say."""

from typing import TYPE_CHECKING

import harness as h

if TYPE_CHECKING:
    from suites.task_vectors.specialists import Specialists

MERGING = "merging"
"""Family of what merged models do; judged nightly."""

SHUFFLED = h.variant(made="shuffled")
"""Specialists whose updates have their entries permuted: size and sparsity stay."""

OVER_BASE = h.variant(against="base")
"""The rule must at least beat not merging."""

METRIC = "success over the specialist's own, mean of the three tasks, held-out problems"

TABLE = "Tab. 1 of 2502.04959, ViT-B/16 with 8, 14, 20 tasks"

NOISE = 0.02
"""Value within which two rules are called equal: single-seed differences below .03 are noise in the sheet's benchmark (3.5)."""


def ahead(specialists: "Specialists", method: str, against: str) -> float:
    """Value of one rule less that of another, or of the base; each tuned on training problems where it has a factor."""
    other = specialists.value(specialists.base) if against == "base" else specialists.best(against)
    return specialists.best(method) - other
