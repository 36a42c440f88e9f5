"""The paper on trial, and the gain that its sentences are about."""

import harness as h

PAPER = h.Paper("pissa-under-rl", arxiv="2512.23165", title="Evaluating Parameter Efficient Methods for RLVR")

COLLAPSE = "collapse"
"""Family of what is left of a gain at another tuner's rate; judged nightly."""

BLAME = "blame"
"""Family of whether the step or the subspace was to blame; judged nightly."""

SPECTRUM = "spectrum"
"""Family of where the updates of these adapters lie; judged nightly."""

COLLAPSED = 0.1
"""Share of LoRA's gain below which a tuner has collapsed. Published: .2 against 42.5 (PiSSA); the width is ours."""

SHRINKS = 0.7
"""Share of the gap that must go when steps are matched (sheet, H13)."""


def success(models, arm):
    """Expected reward on held-out problems."""
    return models.of(arm).held_out_success


def gain(models, arm):
    """What of it came by training."""
    return success(models, arm) - models.base(arm).held_out_success
