"""Does an uneven allocation lose less than an even one of the same budget: of a real model's weights, and of held-out text?

Two budgets: ranks, as the paper counts, and parameters, which are what is stored. Of SmolLM2 everything but the random deal is
settled by its weights, so the statements are exact, of this model alone. The bench has a model per seed.
"""

import harness as h
from suites.welore.allocations import allocation, compressed_loss, error
from suites.welore.paper import BENCH, HALF, MOST, PAPER, UNEVEN
from suites.welore.spectra import of_model

ON_REAL = dict(
    source="Sec. 4, the table of uniform against non-uniform reduction (there in perplexity)",
    metric="relative Frobenius error of all 210 matrices, the rule's below the uniform allocation's",
    bound=h.exact(True),
    null=h.variant(by="random"),
    plant=h.variant(by="energy"),
    expect={"small": "open"},
    family=UNEVEN,
    needs=("real-weights",),
)


@PAPER.claim(
    "uneven-loses-less-of-the-weights-at-half",
    says="At half of all ranks WeLore's rule loses less of a real model's weights than an even allocation",
    **ON_REAL,
)
def test_uneven_loses_less_of_the_weights_at_half(small, rng, by="threshold"):
    """The null deals the rule's ratios to other matrices. The plant puts the ranks where the energy is."""
    return loses_less(small, rng, by, HALF)


@PAPER.claim(
    "uneven-loses-less-of-the-weights-at-70-percent",
    says="At 70 % of all ranks WeLore's rule loses less of a real model's weights than an even allocation",
    **ON_REAL,
)
def test_uneven_loses_less_of_the_weights_at_70_percent(small, rng, by="threshold"):
    return loses_less(small, rng, by, MOST)


@PAPER.claim(
    "uneven-loses-less-at-equal-parameters",
    says="At half of all ranks it loses less than an even allocation with as many parameters",
    **(ON_REAL | dict(source="the same table, by what is stored: ranks of wide matrices cost more")),
)
def test_uneven_loses_less_at_equal_parameters(small, rng, by="threshold"):
    return loses_less(small, rng, by, HALF, budget="parameters")


def loses_less(small, rng, by, reduction, budget="rank"):
    """Whether what `by` chose errs less than the uniform allocation of its own budget."""
    spectra = of_model(small)
    chosen = allocation(spectra, by, reduction, rng, budget)
    return error(spectra, chosen) < error(spectra, h.uniform_allocation(chosen, budget))


ON_BENCH = dict(
    source="Sec. 4, the table of uniform against non-uniform reduction: perplexity of LLaMA-2 without fine-tuning",
    metric="held-out loss in nats a character after truncation, by WeLore's rule less by a uniform allocation",
    bound=h.below(0.0),
    null=h.variant(by="random"),
    plant=h.variant(by="nothing"),
    expect={"tiny": "open"},
    family=BENCH,
)


@PAPER.claim(
    "uneven-loses-less-text-at-half",
    says="A model of the bench loses less of its text at half of all ranks by WeLore's rule than by an even allocation",
    **ON_BENCH,
)
def test_uneven_loses_less_text_at_half(lm_adamw, lm, rng, by="threshold"):
    """The null deals the rule's ratios to other matrices; the plant is the model as it was."""
    return compressed_loss(lm_adamw, lm, by, HALF, rng) - compressed_loss(lm_adamw, lm, "uniform", HALF)


@PAPER.claim(
    "uneven-loses-less-text-at-70-percent",
    says="A model of the bench loses less of its text at 70 % of all ranks by WeLore's rule than by an even allocation",
    **ON_BENCH,
)
def test_uneven_loses_less_text_at_70_percent(lm_adamw, lm, rng, by="threshold"):
    return compressed_loss(lm_adamw, lm, by, MOST, rng) - compressed_loss(lm_adamw, lm, "uniform", MOST)
