"""The paper on trial, and what several claims share."""

import harness as h

PAPER = h.Paper(
    "hypelora",
    arxiv="2603.19278",
    title="HypeLoRA: Hyper-Network-Generated LoRA Adapters for Calibrated Language Model Fine-Tuning",
)

FREEZING = "freezing"
"""Family of what a frozen A does to calibration; judged nightly, as all of this paper is."""

CONTRASTS = "contrasts"
"""Family of what else could do it: fewer parameters, less of a fit, the other factor frozen."""

ACCURACY = "accuracy"
"""Family of what freezing costs."""

PARITY = "parity"
"""Family of LoRA beside full fine-tuning."""

LENGTH = "length"
"""Family of what four times the steps do, a claim a method."""

REPLICATES = 10
"""Fewest seeds, as H1 of the sheet asks."""

PAR = 0.02
"""Difference of two calibration errors within which they are called equal (papers.md, lora_calibration_parity)."""

COST = 0.02
"""Accuracy that freezing costs at least, as quoted: 2 to 3 points."""

OWN_LABELS = h.variant(labels="own")
"""Each model beside labels drawn from its own predictions: calibrated by construction, at the same confidences. What is left of
a difference is the bias of bins that hold few."""

ERROR = "difference of ECE, 10 bins, on held-out problems with 15 % of wrong labels"
