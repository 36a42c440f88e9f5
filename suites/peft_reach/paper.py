"""What is on trial, and what several claims share."""

import harness as h

PAPER = h.Paper("peft-reach", arxiv="", title="What the update of an adapter can be: peft's tuners and those it lacks")
"""No one paper: each sentence is a method's own or a reading of peft's code, and names where it comes from."""

SPECTRUM, STARTS, TRAPS, CLASSES, STEPS = "spectrum", "starts", "traps", "classes", "steps"
"""Families. Sentences on classes and on steps are nightly."""

ISOSPECTRAL = "oft hra psoft_no_magnitude boft_fixed_scale"
"""Tuners that keep the singular values, by construction."""

KEPT = 1e-5
"""resid of an isospectral update (sheet, P1: 3e-8 to 1.7e-7 measured)."""

NEARLY_LOW, NEARLY_HIGH = 1e-3, 0.1
"""resid of OFT with the Neumann series (sheet, P1's control)."""

TARGETED = 3.0
"""Share of the first update where a tuner starts, over chance (sheet, P2: 5.2 and 5.1 measured)."""

UNTARGETED_LOW, UNTARGETED_HIGH = 0.7, 1.4
"""The same of plain LoRA (sheet, P2's control: 1.07)."""

PROJECTED, LEAKS = 1e-9, 1e-3
"""Energy in the leading directions of OSF under SGD, at most, and under AdamW, at least (sheet, P3: 8e-13 and 9e-3)."""

STEP_RATIO, GAP_LEFT = 5.0, 0.5
"""First step of PiSSA over MiLoRA's, at least; loss gap left where steps are matched, at most (sheet, P4: 13; untested)."""

NOT_THE_SAME = 1e-2
"""Difference of a logit that is no rounding, which is 1e-6; the smallest of the sheet's trap 2 is .10 (C3A)."""

NO_MEAN, EXACT_MEAN = 0.8, 1e-5
"""Cosine of peft's `linear` with the mean of three updates, at most (sheet, M6: .62); relative error of `cat`, in fp32."""
