"""The post on trial, and what its sentences compare."""

import harness as h

PAPER = h.Paper("lora-without-regret", arxiv="", title="LoRA Without Regret (Thinking Machines Lab, 2025)")

RANK = "rank"
"""Family of what adapters of rank 1 reach; judged nightly."""

RATE = "rate"
"""Family of the rates that suit them; judged nightly."""

TARGETS = "targets"
"""Family of the layers that an adapter sits on; judged nightly."""

NEAR = 0.98
"""Share of full fine-tuning's success that rank 1 reaches (sheet, H32: a gap below 2 %)."""


def success(models, arm):
    """Expected reward on held-out problems."""
    return models.of(arm).held_out_success
