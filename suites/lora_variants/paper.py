"""The paper on trial, and what its sentences compare."""

import harness as h

PAPER = h.Paper("lora-variants", arxiv="2601.22708", title="A Unified Study of LoRA Variants")

RATES = "rates"
"""Family of what the learning rate does to LoRA and its variants; judged nightly."""

RATIO = 5.0
"""How many times wider the range over rates is than the range over tuned variants (sheet, L1)."""

AGREE = 0.02
"""Share of the best variant's success within which tuned variants lie (2602.04998, abstract: 1-2 %)."""


def success(models, arm):
    """Expected reward on held-out problems."""
    return models.of(arm).held_out_success


def spread(values):
    """Largest less smallest."""
    return max(values) - min(values)
