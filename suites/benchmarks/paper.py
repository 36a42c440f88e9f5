"""Speed as claims: the number of a claim is a ratio of two times, taken in turns in one process.

The null is the reference timed against itself: it stands at 1, and what it satisfies says nothing about speed. A replicate is
one seed: its own noise, model or rows. Absolute times are in pytest-benchmark's table, which knows nothing of the reference;
between machines only ratios compare.

    make bench
"""

import harness as h

PAPER = h.Paper("benchmarks", arxiv="", title="Is it fast? Ratios of times measured in one run")

ITSELF = h.variant(contender="reference")
"""The null: the reference in the place of what is claimed to be faster."""

NO_PLANT = "a function that is fast by construction does other work; the null alone calibrates the clock"

TRAINING, MEASURES, STORE = "training", "measures", "store"
"""Families, each Holm-corrected on its own."""
