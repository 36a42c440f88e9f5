"""The paper on trial, and what several claims share."""

import harness as h

PAPER = h.Paper(
    "welore",
    arxiv="2407.11239",
    title="From Low Rank Gradient Subspace Stabilization to Low-Rank Weights",
)

UNEVEN = "uneven"
"""Family of sentences about the spectra of SmolLM2-135M. There is one such model: replicates are draws of what it is compared
with, and what involves no draw is stated exactly, of this model alone."""

BENCH = "bench"
"""Family of sentences about the spectra of the bench's models, of which every seed has its own."""

CURVATURE = "curvature"
"""Family of sentences that tie ranks of gradients and weights to the curvature of the bench's models."""

FINETUNING = "fine-tuning"
"""Family of sentences about training what was compressed."""

PUBLISHED = 0.175
"""The global threshold of the fine-tuning scripts for half of the ranks of LLaMA-2 7B and 13B (VITA-Group/WeLore, f69f015)."""

HALF, MOST = 0.5, 0.7
"""Shares of all ranks that the paper's tables take."""
