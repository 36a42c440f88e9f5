"""Does GoLore train a language model better than GaLore does? The bench is GaLore's."""

import harness as h
from suites.golore.paper import PAPER, TRAINING


@PAPER.claim(
    "ends-below-galore",
    says="GoLore, random subspaces in the second half of the steps, ends with a lower held-out loss than GaLore",
    source="the paper's pretraining experiments, where GoLore is the better of the two (numbers not checked)",
    metric="held-out loss, GoLore less GaLore",
    bound=h.below(0.0),
    null=(h.swap(lm_golore="lm_galore"), h.null("swap", must="refuted", lm_golore="lm_frozen")),
    plant=h.swap(lm_golore="lm_muon"),
    floor=h.swap(lm_golore="lm_galore_twin"),
    expect={"tiny": "open"},
    family=TRAINING,
    nightly=True,
)
def test_ends_below_galore(lm_golore, lm_galore, lm):
    """The floor is GaLore on other windows of the text: a difference within it is not the method's."""
    return lm.loss(lm_golore) - lm.loss(lm_galore)
