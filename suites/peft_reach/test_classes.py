"""Is every tuner's update what the table of tuners says? One claim a tuner, made from the table: nothing here names one.

The class, its number and its limit are those of harness.engine.reach_class. A version of peft that changes what a tuner can
move turns its claim red; a row that is corrected needs a new version here.
"""

import harness as h
from harness.engine.reach_class import criterion, judged
from harness.models.adapters import TUNERS
from suites.peft_reach.bench import class_number, off_starts
from suites.peft_reach.paper import CLASSES, PAPER

VERSIONS: dict[str, tuple[int, str]] = {
    "geora": (2, "its class was the paper's hope, the complement, which its first step does not keep: see geora-starts-off-principal"),
}
"""Tuner -> version of its claim and why, where its row or its class was corrected."""

AS_IT_WAS = 1e-5
"""Difference of a logit below which a start is the identity; peft's products round to 1e-6 (sheet peft_merge, 1.3)."""

MEASURED = tuple(tuner for tuner, row in TUNERS.items() if judged(row))


def declare(tuner: str):
    """The claim that a tuner's update is of its class."""
    row, wanted = TUNERS[tuner], criterion(tuner)
    version, why = VERSIONS.get(tuner, (1, ""))
    held = "stays in" if row.exact else "nearly stays in, or starts in,"
    read = "after one SGD step" if wanted.first else "after 25 AdamW steps"

    @PAPER.claim(
        f"reach-of-{tuner.replace('_', '-')}",
        says=f"The update of {tuner} {held} its class, {row.reach}: {wanted.says} is {wanted.text()} {read}",
        source="the tuner's construction; classes of the sheet peft_merge 1.6",
        metric=f"{wanted.says}, {read}",
        bound=(h.below if wanted.below else h.above)(wanted.limit),
        null=h.variant(on=wanted.null),
        no_plant="the class is a construction, and what it reads has truth tests of its own",
        expect={"tiny": "supported"},
        family=CLASSES,
        version=version,
        why=why,
        nightly=True,
    )
    def test_class(rng, of=tuner, on=tuner):
        return class_number(rng, of, on)

    return test_class


globals().update({f"test_reach_of_{tuner}": declare(tuner) for tuner in MEASURED})


@PAPER.claim(
    "starts-are-as-registered",
    says="Every tuner that is said to start as the base does, to 1e-5 in a logit, and no other does",
    source="sheet peft_merge 1.3, init",
    metric="all tuners as registered",
    bound=h.exact(True),
    null=h.variant(all_alike=True),
    no_plant="the null is the table with one column changed",
    expect={"tiny": "supported"},
    family=CLASSES,
    nightly=True,
)
def test_starts(rng, all_alike=False):
    """The null says of every tuner that it starts as the base."""
    found = off_starts(rng, " ".join(MEASURED))
    return all((value < AS_IT_WAS) == (all_alike or TUNERS[tuner].identity) for tuner, value in found.items())
