"""Claims as data, their statistics and their verdicts. Imports the standard library, numpy and, when judging, scipy."""

from harness.claims.aggregate import Reduced, Replicate, reduce
from harness.claims.bounds import Bound, above, below, differs, equivalent, exact, fraction, greater
from harness.claims.claim import EXPECTATIONS, OWN, SCALES, Claim
from harness.claims.controls import CONTROLS, Control, null, plant, swap, variant
from harness.claims.judging import judge, judge_family
from harness.claims.paper import Paper
from harness.claims.registry import all_claims, clear, find, find_paper, papers
from harness.claims.transforms import TRANSFORMS, Transform, transform
from harness.claims.verdict import (
    A_CASE,
    BELOW_FLOOR,
    CONTROL_FAILED,
    INCONCLUSIVE,
    NON_FINITE,
    NULL_EXPLAINS,
    REASONS,
    REFUTED,
    STRADDLES,
    SUPPORTED,
    TOO_SMALL,
    UNMATCHED,
    Evidence,
    NoMatch,
    Verdict,
)

__all__ = [
    "A_CASE",
    "BELOW_FLOOR",
    "CONTROLS",
    "CONTROL_FAILED",
    "EXPECTATIONS",
    "INCONCLUSIVE",
    "NON_FINITE",
    "NULL_EXPLAINS",
    "OWN",
    "REASONS",
    "REFUTED",
    "SCALES",
    "STRADDLES",
    "SUPPORTED",
    "TOO_SMALL",
    "TRANSFORMS",
    "UNMATCHED",
    "Bound",
    "Claim",
    "Control",
    "Evidence",
    "NoMatch",
    "Paper",
    "Reduced",
    "Replicate",
    "Transform",
    "Verdict",
    "above",
    "all_claims",
    "below",
    "clear",
    "differs",
    "equivalent",
    "exact",
    "find",
    "find_paper",
    "fraction",
    "greater",
    "judge",
    "judge_family",
    "null",
    "papers",
    "plant",
    "reduce",
    "swap",
    "transform",
    "variant",
]
