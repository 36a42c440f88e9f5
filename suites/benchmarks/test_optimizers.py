"""Low-rank optimizers: a subspace against a full SVD, a step against the authors' packages; CPU seconds, see optimizer_runs."""

import harness as h
import pytest
from suites.benchmarks.optimizer_runs import NO_APOLLO, NO_GALORE, OPTIMIZERS
from suites.benchmarks.paper import ITSELF, NO_PLANT, PAPER

# galore-torch, apollo-torch and bitsandbytes warn about themselves.
pytestmark = pytest.mark.filterwarnings("ignore")
SHARED = {"source": "step 3, benchmarks: the optimizers' goals", "expect": {"tiny": "open"}, "family": OPTIMIZERS}
GRANTS = "the reference against itself is no slower than itself either: the sentence claims no difference"


def fifth_of_an_svd(id, *, of, nightly=True):
    """Declare that a subspace takes at most a fifth of the CPU seconds of torch's SVD."""
    return PAPER.claim(
        id,
        says=f"The subspace of {of} takes at most a fifth of the time of torch.linalg.svd",
        metric="CPU seconds of a refresh over those of torch.linalg.svd",
        bound=h.below(1 / 5, on="log"),
        null=ITSELF,
        no_plant=NO_PLANT,
        nightly=nightly,
        **SHARED,
    )


@fifth_of_an_svd("optimizer-subspace", of="a 1024 x 1024 gradient at rank 256", nightly=False)
def test_subspace(race, rng, contender="ours"):
    return against_svd(race, rng, (1024, 1024), "noisy", 256, contender)


@fifth_of_an_svd("optimizer-subspace-eighth", of="a 1024 x 1024 gradient at rank 128", nightly=False)
def test_subspace_eighth(race, rng, contender="ours"):
    return against_svd(race, rng, (1024, 1024), "noisy", 128, contender)


@fifth_of_an_svd("optimizer-subspace-flat", of="1024 x 1024 noise with eight directions above it, at rank 256")
def test_subspace_flat(race, rng, contender="ours"):
    return against_svd(race, rng, (1024, 1024), "flat", 256, contender)


@fifth_of_an_svd("optimizer-subspace-large", of="a 2048 x 2048 gradient at rank 512")
def test_subspace_large(race, rng, contender="ours"):
    return against_svd(race, rng, (2048, 2048), "noisy", 512, contender)


@fifth_of_an_svd("optimizer-subspace-wide", of="a 1024 x 4096 gradient at rank 256")
def test_subspace_wide(race, rng, contender="ours"):
    """Of the transpose, which LAPACK decomposes sooner than the gradient as galore-torch hands it over."""
    return against_svd(race, rng, (1024, 4096), "noisy", 256, contender)


def same_subspace(id, *, of, nightly):
    """Declare that what is found is the leading subspace."""
    return PAPER.claim(
        id,
        says=f"The subspace of {of} is that of an fp64 decomposition: mean cos^2 of at least .999 at rank n/4",
        metric="overlap with the leading subspace in fp64, the least of three spectra",
        bound=h.above(0.999),
        null=h.variant(way="by_chance"),
        plant=h.variant(way="by_svd"),
        nightly=nightly,
        **SHARED,
    )


@same_subspace("optimizer-overlap", of="256 x 256 and 1024 x 1024 gradients", nightly=False)
def test_overlap(rng, way="by_ours"):
    return min(least_overlap(rng, (side, side), way) for side in (256, 1024))


@same_subspace("optimizer-overlap-large", of="2048 x 2048 and 1024 x 4096 gradients", nightly=True)
def test_overlap_large(rng, way="by_ours"):
    return min(least_overlap(rng, shape, way) for shape in ((2048, 2048), (1024, 4096)))


def no_slower_step(id, name):
    """Declare that a step is no slower than the authors', refreshes every 200 steps counted in."""
    return PAPER.claim(
        id,
        says=f"A step of ours on a 1024 x 1024 matrix at rank 256, T = 200, is no slower than {name}'s, within a tenth",
        metric=f"CPU seconds of a step, amortised over 200, over {name}'s",
        bound=h.below(1.1, on="log"),
        no_null=GRANTS,
        no_plant=NO_PLANT,
        nightly=True,
        **SHARED,
    )


@pytest.mark.skipif(bool(NO_GALORE), reason=NO_GALORE)
@no_slower_step("galore-step", "galore-torch")
def test_galore_step(race, rng):
    return against_authors(race, rng, "galore")


@pytest.mark.skipif(bool(NO_APOLLO), reason=NO_APOLLO)
@no_slower_step("apollo-step", "apollo-torch")
def test_apollo_step(race, rng):
    return against_authors(race, rng, "apollo")


def near_adamw(id, *, of, nightly=True):
    """Declare that a training step costs little more than with AdamW."""
    return PAPER.claim(
        id,
        says=f"A training step of 2048 tokens with {of}, T = 200, takes at most 1.15 times that with AdamW",
        metric="CPU seconds of a training step, amortised over 200, over those with torch's AdamW(fused=True)",
        bound=h.below(1.15, on="log"),
        null=h.variant(every=1),
        plant=h.variant(name="adamw"),
        nightly=nightly,
        **SHARED,
    )


@near_adamw("galore-training-step", of="GaLore at width 512 and rank 128", nightly=False)
def test_galore_training_step(race, rng, name="galore", every=200):
    """The null finds a subspace at every step: it must miss the bound, or the clock does not see refreshes."""
    return against_adamw(race, rng, 512, name, every)


@near_adamw("galore-training-step-wide", of="GaLore at width 1024 and rank 256")
def test_galore_training_step_wide(race, rng, name="galore", every=200):
    return against_adamw(race, rng, 1024, name, every)


@PAPER.claim(
    "apollo-training-step",
    says="A training step of 2048 tokens with APOLLO at width 1024, rank 256 and T = 200 takes at most 1.15 of that with AdamW",
    metric="CPU seconds of a training step, amortised over 200, over those with torch's AdamW(fused=True)",
    bound=h.below(1.15, on="log"),
    no_null=GRANTS,
    plant=h.variant(name="adamw"),
    nightly=True,
    **SHARED,
)
def test_apollo_training_step(race, rng, name="apollo"):
    return against_adamw(race, rng, 1024, name, 200)


def against_svd(race, rng, shape, kind, rank, contender):
    """A subspace against the SVD, of the transpose where that is sooner; an overlap below .999 would be another result."""
    from suites.benchmarks.diff_runs import on_cpu
    from suites.benchmarks.optimizer_runs import by_ours, by_turned_svd, gradient

    matrix = gradient(shape, kind, rng.initial_seed() % 2**31)
    by_ours(matrix, rank)  # imports stay outside
    ours, reference = (on_cpu(lambda way=way: way(matrix, rank)) for way in (by_ours, by_turned_svd))
    return race(contender, ours=ours, reference=reference, agree=None)


def least_overlap(rng, shape, way):
    from suites.benchmarks import optimizer_runs as runs

    seed, found = rng.initial_seed() % 2**31, []
    for kind in runs.KINDS:
        matrix = runs.gradient(shape, kind, seed)
        found.append(runs.shared(getattr(runs, way)(matrix, min(shape) // 4), runs.truth(matrix)))
    return min(found)


def against_authors(race, rng, name):
    from suites.benchmarks.optimizer_runs import cost, gradient, our_step, their_step

    matrix = gradient((1024, 1024), "noisy", rng.initial_seed() % 2**31)
    ours, theirs = our_step(name, matrix, 256), their_step(name, matrix, 256)
    return race("ours", ours=lambda: cost(ours).amortised(), reference=lambda: cost(theirs).amortised(), agree=None)


def against_adamw(race, rng, width, name, every):
    from suites.benchmarks.optimizer_runs import cost
    from suites.benchmarks.optimizer_training import training_step

    seed = rng.initial_seed() % 2**31
    own, other = (training_step(each, width, width // 4, seed) for each in (name, "adamw"))
    return race("ours", ours=lambda: cost(own).amortised(every), reference=lambda: cost(other).amortised(every), agree=None)
