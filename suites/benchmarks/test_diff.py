"""`harness diff` against two full SVDs of a matrix: noise on a synthetic base, CPU seconds, see diff_runs for what each computes.

Everything at 4096 is nightly: one replicate takes one to three minutes. One at 768 runs with `make bench`, in seconds.
"""

import harness as h
import pytest
from suites.benchmarks.diff_runs import DIFF, SMALL, SQUARE, WIDE, agree, leading, matrices, naive, on_cpu, reader, rows
from suites.benchmarks.paper import ITSELF, NO_PLANT, PAPER
from suites.benchmarks.weightwatcher_peer import MISSING

NEEDS_WEIGHTWATCHER = pytest.mark.skipif(bool(MISSING), reason=MISSING)
SHARED = {
    "no_plant": NO_PLANT,
    "source": "the diff's goals: each against two fp32 SVDs of the same pair",
    "expect": {"tiny": "open"},
    "family": DIFF,
    "no_null": "a reference is not five times as fast as itself; timing it once more would double the hours",
}


def times_as_fast(id, goal, *, says, nightly=True, **given):
    """Declare that a way takes at most 1 / goal of the naive way's CPU seconds."""
    bound, metric = h.below(1 / goal, on="log"), "CPU seconds over those of two fp32 SVDs"
    return PAPER.claim(id, says=says, metric=metric, bound=bound, nightly=nightly, **SHARED | given)


@times_as_fast(
    "diff-of-a-small-matrix",
    1 / 3,
    says="All rows of a 768 x 768 pair take at most three times the CPU time of two fp32 SVDs",
    no_null="two SVDs against themselves meet the bound: it grants the other rows their cost",
    nightly=False,
)
def test_diff_of_a_small_matrix(race, rng):
    """There the reader takes the exact frame: the Gram matrix and eigh in fp64, of both sides and of the rounded base."""
    return one_pair(race, rng, SMALL)


@times_as_fast("diff-square-fp64", 5, says="All rows of a 4096 x 4096 pair take at most a fifth of two fp32 SVDs")
def test_diff_square_fp64(race, rng):
    return one_pair(race, rng, SQUARE)


@times_as_fast("diff-square-fp32", 5, says="The same with singular values by an fp32 Gram matrix")
def test_diff_square_fp32(race, rng):
    return one_pair(race, rng, SQUARE, "fp32")


@times_as_fast("diff-wide-fp64", 5, says="All rows of a 4096 x 11008 pair take at most a fifth of two fp32 SVDs")
def test_diff_wide_fp64(race, rng):
    return one_pair(race, rng, WIDE)


@times_as_fast("diff-wide-fp32", 5, says="The same with singular values by an fp32 Gram matrix")
def test_diff_wide_fp32(race, rng):
    return one_pair(race, rng, WIDE, "fp32")


@times_as_fast("diff-later-checkpoint", 20, says="A later checkpoint of a 4096 x 4096 base takes a twentieth of two fp32 SVDs")
def test_diff_later_checkpoint(race, rng):
    """The base's full frame is there, and what an earlier checkpoint has asked of it; its two products for C are what remains."""
    pair = matrices(SQUARE, rng.initial_seed() % 2**31)
    known = reader(pair, frame="full")
    rows(known, pair.w1)
    return against_naive(race, pair, lambda: rows(known, pair.w1))


@PAPER.claim(
    "diff-near-its-floor",
    says="All rows of a 4096 x 4096 pair take at most twice what reading both sides and finding all their singular values takes",
    source="the diff's goals: bytes over read rate and work over the rates of product and eigvalsh, all of this machine",
    metric="CPU seconds over the floor",
    bound=h.below(2.0, on="log"),
    no_null="the floor over itself is 1 and meets the bound: it grants the other rows their cost",
    no_plant=NO_PLANT,
    expect={"tiny": "open"},
    family=DIFF,
    nightly=True,
)
def test_diff_near_its_floor(rng, tmp_path):
    from suites.benchmarks.diff_disk import rates, written
    from suites.benchmarks.diff_floor import floor
    from suites.benchmarks.diff_runs import timed

    pair = matrices(SQUARE, rng.initial_seed() % 2**31)
    least = floor(pair, rates(*written(tmp_path, "1b", 1), cold=False).read)
    return timed(lambda: rows(reader(pair), pair.w1))[0] / least.seconds


@NEEDS_WEIGHTWATCHER
@PAPER.claim(
    "weightwatcher-smollm2",
    says="Singular values of SmolLM2's 210 matrices, norms and stable ranks take at most a third of weightwatcher's time",
    source="the diff's goals: what both compute, on the same checkpoint; ours in fp64",
    metric="CPU seconds over weightwatcher's",
    bound=h.below(1 / 3, on="log"),
    null=ITSELF,
    no_plant=NO_PLANT,
    expect={"small": "open"},
    needs=("real-weights",),
    family=DIFF,
    nightly=True,
)
def test_weightwatcher_smollm2(race, rng, contender="ours"):
    from suites.benchmarks.weightwatcher_peer import smollm2

    return beside_weightwatcher(race, smollm2(), contender)


@NEEDS_WEIGHTWATCHER
@PAPER.claim(
    "weightwatcher-large",
    says="On a 4096 x 4096 matrix the same takes at most a fifth of weightwatcher's time",
    source="the diff's goals: what both compute, on the same matrix; ours in fp64",
    metric="CPU seconds over weightwatcher's",
    bound=h.below(1 / 5, on="log"),
    no_null=SHARED["no_null"],
    no_plant=NO_PLANT,
    expect={"tiny": "open"},
    family=DIFF,
    nightly=True,
)
def test_weightwatcher_large(race, rng):
    from suites.benchmarks.weightwatcher_peer import single

    return beside_weightwatcher(race, single(matrices(SQUARE, rng.initial_seed() % 2**31).w0))


def one_pair(race, rng, shape, values="fp64"):
    """The whole diff of one pair, base and all."""
    pair = matrices(shape, rng.initial_seed() % 2**31)
    return against_naive(race, pair, lambda: rows(reader(pair, values), pair.w1), values)


def against_naive(race, pair, run, values="fp64"):
    """What was timed must say the same; it is compared after, so that no run is for that alone."""
    found, theirs, k = [], [], leading(pair.w0.shape)
    ours, reference = (lambda: found.append(run())), (lambda: theirs.append(naive(pair, k)))
    ratio = race("ours", ours=on_cpu(ours), reference=on_cpu(reference), agree=None)
    agree(found[-1], theirs[-1], values)
    return ratio


def beside_weightwatcher(race, state, contender="ours"):
    from suites.benchmarks.race import check
    from suites.benchmarks.weightwatcher_peer import as_loaded, ours, theirs

    loaded = as_loaded(state)
    check(ours(state), theirs(loaded), 1e-6)
    return race(contender, ours=on_cpu(lambda: ours(state)), reference=on_cpu(lambda: theirs(loaded)), agree=None)
