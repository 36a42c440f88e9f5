"""Does isospectral training get there sooner? Steps to half of AdamW's rise in reward, every method at its own tuned rate.

Rates were chosen by training rewards of other seeds, on one grid of five for each method (harness/training/rl_methods.py). All
arms of a seed see the same problems in the same order. The reward is that of training, smoothed; the reference fixes its goal.
"""

import harness as h
from suites.iso.paper import PAPER, SPEED
from suites.iso.speed import halfway, steps_to

FASTER = 1.2
"""Ratio of steps above which a method is called faster (sheet, H17)."""

METRIC = "steps to half of the reference's rise in training reward, reference over method"


def ratio(models, reference, method, speed):
    """Steps of the reference over those of the method; at speed 2 the method is every second step of the reference itself."""
    known = models.rewards(reference)
    goal = halfway(known)
    return steps_to(known, goal) / steps_to(known[speed - 1 :: speed] if speed > 1 else models.rewards(method), goal)


@PAPER.claim(
    "iso-accelerates",
    says="ISO-AdamW reaches half of AdamW's gain in reward in fewer steps: over 1.2 times faster",
    source="abstract and Fig. 1 as quoted: 2.7 times at 8B, 2.2 at 4B; threshold of sheet H17",
    metric=METRIC,
    bound=h.above(FASTER, on="log"),
    null=h.swap(iso="rl_adamw_twin"),
    plant=h.variant(speed=2),
    floor=h.swap(rl_adamw="rl_adamw_twin"),
    expect={"tiny": "open"},
    family=SPEED,
    nightly=True,
)
def test_iso_accelerates(iso, rl_adamw, models, speed=1):
    return ratio(models, rl_adamw, iso, speed)


@PAPER.claim(
    "iso-accelerates-as-published",
    says="ISO-AdamW reaches half of AdamW's gain in reward at least 2.2 times faster, the least that was published",
    source="as quoted: 2.2 times at 4B, 2.7 at 8B",
    metric=METRIC,
    bound=h.above(2.2, on="log"),
    null=h.swap(iso="rl_adamw_twin"),
    plant=h.variant(speed=3),
    expect={"tiny": "refuted"},
    family=SPEED,
    nightly=True,
)
def test_iso_accelerates_as_published(iso, rl_adamw, models, speed=1):
    return ratio(models, rl_adamw, iso, speed)


@PAPER.claim(
    "riemannian-accelerates",
    says="With Riemannian gradients and transported momentum ISO-AdamW is over 1.2 times faster than AdamW",
    source="the complete variant of sheet 2.3, and H17's control: is it the frames that pay, or the paper's way to step them?",
    metric=METRIC,
    bound=h.above(FASTER, on="log"),
    null=h.swap(iso_riemannian="rl_adamw_twin"),
    plant=h.variant(speed=2),
    floor=h.swap(rl_adamw="rl_adamw_twin"),
    expect={"tiny": "open"},
    family=SPEED,
    nightly=True,
)
def test_riemannian_accelerates(iso_riemannian, rl_adamw, models, speed=1):
    return ratio(models, rl_adamw, iso_riemannian, speed)


@PAPER.claim(
    "iso-muon-accelerates",
    says="ISO-Muon reaches half of Muon's gain in reward in fewer steps: over 1.2 times faster",
    source="as quoted: ISO-Muon 1.4 times faster than Muon; threshold of sheet H17",
    metric=METRIC,
    bound=h.above(FASTER, on="log"),
    null=h.swap(iso_muon="muon"),
    plant=h.variant(speed=2),
    expect={"tiny": "open"},
    family=SPEED,
    nightly=True,
)
def test_iso_muon_accelerates(iso_muon, muon, models, speed=1):
    """The null is the reference itself: where that passes, the sentence has no content."""
    return ratio(models, muon, iso_muon, speed)
