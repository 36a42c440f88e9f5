"""OP-Mix: do interpolated adapters of single domains tell how a mixture of the domains would train?"""

import harness as h
from suites.op_mix.mixtures import Mixtures, shuffled

PAPER = h.Paper("op-mix", arxiv="2605.15220", title="OP-Mix")
MIXING = "mixing"
SPEARMAN = "Spearman over 15 trained mixtures of -log P(right answer), held out, with that of the interpolated adapters"

RHO, OF_THE_RANGE, LEAST = 0.9, 0.1, 0.3
"""Sheet O1."""

DRAWS = 20
"""Shuffles a replicate, where their mean is asked."""


@PAPER.claim(
    "interpolation-predicts-mixtures",
    says="Of every domain, the loss of the interpolated adapters ranks 15 trained mixtures as they are, at over .9",
    source="abstract as quoted: a candidate mixture is simulated by the weighted sum of adapters; sheet O1: .939 to .968",
    metric=SPEARMAN + "; least of three domains",
    bound=h.above(RHO),
    within="min",
    null=(h.null("variant", must="refuted", labels="shuffled"), h.variant(means="share")),
    plant=h.variant(means="itself"),
    expect={"tiny": "open"},
    family=MIXING,
    nightly=True,
)
def test_interpolation(
    domain_addition, domain_sorting, domain_reversal, mixed_400, mixed_310, mixed_301, mixed_220, mixed_211, mixed_202,
    mixed_130, mixed_121, mixed_112, mixed_103, mixed_040, mixed_031, mixed_022, mixed_013, mixed_004, models, rng,
    means="update", labels="own",
):  # fmt: skip
    """Nulls: labels shuffled mixture by mixture, and a prediction from a domain's own share, without any adapter."""
    m = Mixtures.of(locals())
    predicted = m.trained() if means == "itself" else m.predicted(means)
    return m.correlations(shuffled(predicted, rng) if labels == "shuffled" else predicted)


@PAPER.claim(
    "shuffled-labels-predict-nothing",
    says="With its labels shuffled mixture by mixture the same prediction has a rank correlation of less than .3 either way",
    source="sheet O1: the control is |rho| < .3",
    metric=SPEARMAN + f", labels shuffled; mean of {DRAWS} shuffles and three domains",
    bound=h.equivalent(-LEAST, LEAST),
    within="mean",
    null=h.null("variant", must="refuted", labels="own"),
    plant=h.variant(means="share"),
    expect={"tiny": "supported"},
    family=MIXING,
    nightly=True,
)
def test_shuffled(
    domain_addition, domain_sorting, domain_reversal, mixed_400, mixed_310, mixed_301, mixed_220, mixed_211, mixed_202,
    mixed_130, mixed_121, mixed_112, mixed_103, mixed_040, mixed_031, mixed_022, mixed_013, mixed_004, models, rng,
    means="update", labels="shuffled",
):  # fmt: skip
    """The null has its labels; the plant shuffles what never saw an adapter."""
    m = Mixtures.of(locals())
    predicted = m.predicted(means)
    if labels == "own":
        return m.correlations(predicted)
    return [rho for _ in range(DRAWS) for rho in m.correlations(shuffled(predicted, rng)).values()]


@PAPER.claim(
    "chosen-mixture-costs-little",
    says="The mixture that interpolation takes for the best on the mean of the domains costs at most .1 of the losses' range",
    source="sheet O1: .008 of .145 and .009 of .115",
    metric="(mean loss of the chosen - least) / (largest - least), 15 trained mixtures",
    bound=h.below(OF_THE_RANGE),
    null=(h.variant(chosen="drawn"), h.variant(labels="shuffled")),
    plant=h.variant(means="itself"),
    expect={"tiny": "supported"},
    family=MIXING,
    nightly=True,
)
def test_regret(
    domain_addition, domain_sorting, domain_reversal, mixed_400, mixed_310, mixed_301, mixed_220, mixed_211, mixed_202,
    mixed_130, mixed_121, mixed_112, mixed_103, mixed_040, mixed_031, mixed_022, mixed_013, mixed_004, models, rng,
    means="update", labels="own", chosen="predicted",
):  # fmt: skip
    """Nulls: what a mixture costs that is drawn, and labels shuffled, means of as many draws."""
    m = Mixtures.of(locals())
    if chosen == "drawn":
        return m.regret_of_a_draw()
    predicted = m.trained() if means == "itself" else m.predicted(means)
    if labels == "own":
        return m.regret(predicted)
    return sum(m.regret(shuffled(predicted, rng)) for _ in range(DRAWS)) / DRAWS


@PAPER.claim(
    "updates-predict-better-than-factors",
    says="Interpolating updates predicts mixtures better than interpolating factors A and B apart, where every A starts alike",
    source="sheet O2: the cross terms B_i A_j",
    metric=SPEARMAN + "; mean of three domains, updates less factors",
    bound=h.above(0.0),
    null=h.variant(against="update"),
    plant=h.variant(against="shuffled"),
    expect={"tiny": "open"},
    family=MIXING,
    nightly=True,
)
def test_factors(
    domain_addition, domain_sorting, domain_reversal, mixed_400, mixed_310, mixed_301, mixed_220, mixed_211, mixed_202,
    mixed_130, mixed_121, mixed_112, mixed_103, mixed_040, mixed_031, mixed_022, mixed_013, mixed_004, models, rng,
    against="factors",
):  # fmt: skip
    """The null sets updates beside updates; the plant beside their shuffle."""
    return Mixtures.of(locals()).ahead_of(against, rng)


@PAPER.claim(
    "updates-predict-better-than-factors-of-own-starts",
    says="The same where each domain's A was drawn by itself, so that the A of a mean is short and the cross terms are foreign",
    source="sheet O2; starts drawn apart are ours",
    metric=SPEARMAN + "; mean of three domains, updates less factors",
    bound=h.above(0.0),
    null=h.variant(against="update"),
    plant=h.variant(against="shuffled"),
    expect={"tiny": "open"},
    family=MIXING,
    nightly=True,
)
def test_factors_of_own_starts(
    domain_addition_apart, domain_sorting_apart, domain_reversal_apart, mixed_400, mixed_310, mixed_301, mixed_220, mixed_211,
    mixed_202, mixed_130, mixed_121, mixed_112, mixed_103, mixed_040, mixed_031, mixed_022, mixed_013, mixed_004, models, rng,
    against="factors",
):  # fmt: skip
    return Mixtures.of(locals()).ahead_of(against, rng)
