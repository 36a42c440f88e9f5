"""Does the first step go where a start says, and is it as long as another's at the same rate?

One SGD step at a rate of 1 from each start, merged and read against the base: direction and length of the first update.
"""

from math import log

import harness as h
from suites.peft_reach.bench import first_step, seed_of
from suites.peft_reach.paper import CLASSES, PAPER, STARTS, STEP_RATIO, TARGETED, UNTARGETED_HIGH, UNTARGETED_LOW

LEADING = "energy of the first update in the leading r directions over chance, the smaller side"
TRAILING = "energy of the first update in the trailing r directions over chance, the smaller side"


@PAPER.claim(
    "pissa-starts-principal",
    says="The first update of PiSSA has over three times chance in the leading r directions, on both sides",
    source="PiSSA's construction; sheet peft_merge P2: 5.2 x, LoRA 1.07 x",
    metric=LEADING,
    bound=h.above(TARGETED),
    null=(h.null("variant", must="refuted", tuner="lora"), h.null("variant", must="refuted", tuner="milora")),
    plant=h.variant(tuner="tinylora"),
    expect={"tiny": "supported"},
    family=STARTS,
)
def test_pissa(rng, tuner="pissa"):
    """The plant cannot leave the leading r x r block."""
    found = first_step(rng, tuner)
    return min(found.over_chance("p_left"), found.over_chance("p_right"))


@PAPER.claim(
    "milora-starts-minor",
    says="The first update of MiLoRA has over three times chance in the trailing r directions, on both sides",
    source="2406.09044; sheet peft_merge P2: 5.1 x",
    metric=TRAILING,
    bound=h.above(TARGETED),
    null=(h.null("variant", must="refuted", tuner="lora"), h.null("variant", must="refuted", tuner="pissa")),
    no_plant="no tuner stays between the trailing directions on both sides",
    expect={"tiny": "supported"},
    family=STARTS,
)
def test_milora(rng, tuner="milora"):
    found = first_step(rng, tuner)
    return min(found.over_chance("m_left"), found.over_chance("m_right"))


@PAPER.claim(
    "lora-starts-nowhere",
    says="The first update of plain LoRA has .7 to 1.4 of chance in the leading r directions, on either side",
    source="sheet peft_merge P2's control: 1.07 x",
    metric="the same, of the side that is further from chance",
    bound=h.equivalent(UNTARGETED_LOW, UNTARGETED_HIGH, on="log"),
    null=(h.null("variant", must="refuted", tuner="pissa"), h.null("variant", must="refuted", tuner="milora")),
    plant=h.variant(tuner="lora_gaussian"),
    expect={"tiny": "supported"},
    family=STARTS,
)
def test_lora(rng, tuner="lora"):
    found = first_step(rng, tuner)
    return max((found.over_chance(side) for side in ("p_left", "p_right")), key=lambda ratio: abs(log(ratio)))


@PAPER.claim(
    "geora-starts-off-principal",
    says="The first update of GeoRA has less than a third of chance in the leading r directions, on both sides",
    source="GeoRA 2601.09361: overlap with the head at most .02; the bound is that of the class complement",
    metric="energy of the first update in the leading r directions over chance, the larger side",
    bound=h.below(1 / 3),
    null=h.null("variant", must="refuted", tuner="lora"),
    plant=h.variant(tuner="osf"),
    expect={"tiny": "refuted"},
    family=CLASSES,
    nightly=True,
)
def test_geora(rng, tuner="geora"):
    """The expectation was written after reach-of-geora, version 1, had read .72 (.64-.80) on the same seeds."""
    found = first_step(rng, tuner)
    return max(found.over_chance("p_left"), found.over_chance("p_right"))


@PAPER.claim(
    "pissa-steps-five-times-milora",
    says="At one learning rate the first SGD step of PiSSA is over five times as long as MiLoRA's",
    source="sheet peft_merge P4 (i): 13 x; 2512.23165 compares them at one rate",
    metric="|W1 - W0| / |W0| of one tuner over the other's, mean over matrices, one SGD step at a rate of 1",
    bound=h.above(STEP_RATIO, on="log"),
    null=h.null("variant", must="refuted", slow="lora"),
    no_plant="which start is the longer is the sentence itself",
    expect={"tiny": "supported"},
    family=STARTS,
)
def test_step_lengths(rng, fast="pissa", slow="milora"):
    """The null is a start that targets nothing: any two starts differ in length."""
    from harness.engine.reach import measure

    seed = seed_of(rng)
    a, b = (measure(tuner, seed, steps=1, optimizer="sgd").mean("rel") for tuner in (fast, slow))
    return a / b
