"""Before any subspace is said to turn: do our ways of finding one find the same one twice?"""

import harness as h
from suites.galore.paper import PAPER, ROUTES
from suites.galore.routes import overlap_of_two_seeds, spiked


@PAPER.claim(
    "subspace-route-repeats",
    says="Two seeds of every randomized route of the harness find one leading space: they overlap by .999 or more",
    source="not the paper's: sheet T19 and E17, where torch.svd_lowrank at its default reads .843 on such a matrix",
    metric="mean squared cosine of the 32 leading directions of a spiked 768 x 768 matrix from two seeds, worse of two routes",
    bound=h.above(0.999),
    within="min",
    null=h.variant(route="svd_lowrank"),
    plant=h.variant(route="svd_lowrank", gapped=True),
    expect={"tiny": "supported"},
    family=ROUTES,
)
def test_subspace_route_repeats(rng, route=None, gapped=False):
    """The null is the route that most code takes; the plant is that route where it is good enough, behind a gap."""
    matrix = spiked(rng, gapped)
    return {each: overlap_of_two_seeds(each, matrix, rng) for each in ((route,) if route else ("krylov", "gram"))}
