"""Are ranks unevenly spread over the matrices of a real model, more than shapes and single large values make them?

WeLore divides every matrix's singular values by its largest, so one spike can make a matrix "low-rank". SmolLM2-135M, 210
matrices. A replicate is a draw of the noise that it is compared with: the interval is over draws, the model is one.
"""

import harness as h
from suites.welore.paper import PAPER, PUBLISHED, UNEVEN
from suites.welore.spectra import mean_reduction, noise, of_model, stand_in, without_first

OTHERS = (h.variant(of="gaussian"), h.variant(of="spiked"))
ON_REAL = dict(null=OTHERS, plant=h.variant(of="planted"), family=UNEVEN, needs=("real-weights",), nightly=True)


@PAPER.claim(
    "reduction-is-uneven",
    says="WeLore's rule at its published threshold takes ranks from a real model's matrices twice as unevenly as from noise",
    source="Sec. 3 and Fig. 1; sheet T15; k = .175 as in the fine-tuning scripts",
    metric="coefficient of variation of 1 - r/q over 210 matrices, over that of Gaussian ones; interval over draws of these",
    bound=h.above(2.0, on="log"),
    expect={"small": "supported"},
    **ON_REAL,
)
def test_reduction_is_uneven(small, rng, of="weights"):
    """The second null has spikes of the weights' own size on noise: the rule may read nothing else."""
    spectra = of_model(small)
    seen, drawn = stand_in(spectra, of, rng), noise(spectra, rng)
    return spread(seen) / spread(drawn)


@PAPER.claim(
    "uneven-without-its-largest-value",
    says="It does so too where the largest singular value of every matrix is left out",
    source="sheet (papers, 21): non-uniformity must also be shown with the top value removed; bound of T15",
    metric="as reduction-is-uneven, on all singular values but the first",
    bound=h.above(2.0, on="log"),
    expect={"small": "open"},
    **(ON_REAL | dict(null=(h.variant(of="gaussian"), h.variant(of="two spikes")))),
)
def test_uneven_without_its_largest_value(small, rng, of="weights"):
    """Without the first value the rule divides by the second, which may be a spike as well: the second null has both."""
    spectra = of_model(small)
    seen, drawn = stand_in(spectra, of, rng), noise(spectra, rng)
    return spread(without_first(seen)) / spread(without_first(drawn))


@PAPER.claim(
    "energy-rank-is-uneven",
    says="The rank that holds 90 % of the energy, which no spike drives, is spread 1.5 times as unevenly as that of noise",
    source="sheet (papers, 21, welore_nonuniform_rank): spread of rank@q over matrices, 1.5 times that of Gaussian matrices",
    metric="coefficient of variation of 1 - r/q over 210 matrices, over that of Gaussian ones; interval over draws of these",
    bound=h.above(1.5, on="log"),
    expect={"small": "open"},
    **ON_REAL,
)
def test_energy_rank_is_uneven(small, rng, of="weights"):
    spectra = of_model(small)
    seen, drawn = stand_in(spectra, of, rng), noise(spectra, rng)
    return h.energy_allocation(seen).non_uniformity / h.energy_allocation(drawn).non_uniformity


@PAPER.claim(
    "queries-and-keys-lose-more",
    says="The rule takes a larger share of the ranks of queries, and of keys, than of values",
    source="Fig. 1 and sheet T15: q,k ratio > v",
    metric="mean reduction over the layers: the lesser of q and k is above v",
    bound=h.exact(True),
    expect={"small": "inconclusive"},
    **ON_REAL,
)
def test_queries_and_keys_lose_more(small, rng, of="weights"):
    """Queries are square here and values are not: noise of their shapes already differs, which the null is to show."""
    taken = by_module(stand_in(of_model(small), of, rng))
    return min(taken["q_proj"], taken["k_proj"]) > taken["v_proj"]


@PAPER.claim(
    "queries-and-keys-lose-more-than-their-shapes",
    says="Beyond what noise of their shapes loses, queries and keys lose more of their ranks than values do",
    source="sheet T15: q,k ratio > v, with the shapes taken out",
    metric="the lesser of q's and k's mean reduction above that of Gaussian matrices, less v's; interval over draws of those",
    bound=h.above(0.0),
    expect={"small": "supported"},
    **ON_REAL,
)
def test_queries_and_keys_lose_more_than_their_shapes(small, rng, of="weights"):
    spectra = of_model(small)
    taken, chance = by_module(stand_in(spectra, of, rng)), by_module(noise(spectra, rng))
    beyond = {name: taken[name] - chance[name] for name in taken}
    return min(beyond["q_proj"], beyond["k_proj"]) - beyond["v_proj"]


def spread(spectra):
    """Of the reductions by the published threshold."""
    return h.threshold_allocation(spectra, PUBLISHED).non_uniformity


def by_module(spectra):
    """Mean reduction by the published threshold."""
    return mean_reduction(h.threshold_allocation(spectra, PUBLISHED), ("q_proj", "k_proj", "v_proj"))
